import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// The tasks of one project, a directory each in `$COOP_HOME/projects/KEY/tasks`. Names that begin with a dot are locks, and what is
/// being made or removed.
public struct TaskStore: Sendable {
    /// Mode 0700; it may not exist yet.
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// Where a task of this name is, or would be.
    public func directory(of name: TaskName) -> String { FileSystem.join(directory, name.text) }

    /// All whose records can be read, the oldest first. Whoever shows or removes tasks has ``damaged()`` to say, too.
    public func all() throws(CoopError) -> [TaskRecord] {
        var result: [TaskRecord] = []
        for name in try names() { if case .success(let record) = read(name) { result.append(record) } }
        return result.sorted { ($0.created, $0.name.text) < ($1.created, $1.name.text) }
    }

    /// Tasks whose record cannot be understood or is gone, with the reason and the remedy, sorted by name.
    public func damaged() throws(CoopError) -> [(name: TaskName, error: CoopError)] {
        var result: [(name: TaskName, error: CoopError)] = []
        for name in try names().sorted() {
            guard case .failure(let error) = read(name) else { continue }
            // What could not be a task's name is nothing of a task's.
            if let name = try? TaskName(name) { result.append((name, error)) }
        }
        return result
    }

    private func read(_ name: String) -> Result<TaskRecord, CoopError> {
        let path = FileSystem.join(directory, name)
        do throws(CoopError) {
            if let record = try TaskRecord.read(directory: path) { return .success(record) }
            return .failure(
                CoopError(
                    .failed, "cannot read the record of the task \(name.printable)", "it is gone", next: TaskRecord.damagedRemedy(path)))
        } catch {
            return .failure(error)
        }
    }

    /// The task of exactly this name; nil when there is none.
    ///
    /// - Throws: `CoopError` of kind `failed` when there is one with a record that cannot be read.
    public func task(_ name: TaskName) throws(CoopError) -> TaskRecord? {
        do { if try FileSystem.kindIfPresent(directory(of: name), followLinks: false) == nil { return nil } } catch {
            throw CoopError(.failed, "cannot look for the task \(name)", error.description, next: "ls -la \(directory.printable)")
        }
        return try read(name.text).get()
    }

    /// The task that a person means: by its name, or by the beginning of one alone.
    ///
    /// - Throws: `CoopError` of kind `notFound`, or `usage` when several begin so; `failed` for one that is damaged.
    public func find(_ text: String) throws(CoopError) -> TaskRecord {
        let all = try all()
        // The branch's name is what git shows.
        let wanted = text.hasPrefix("coop/") ? String(text.dropFirst(5)) : text
        if let exact = all.first(where: { $0.name.text == wanted }) { return exact }
        if let damaged = try damaged().first(where: { $0.name.text == wanted }) { throw damaged.error }
        let matches = wanted.isEmpty ? [] : all.filter { $0.name.text.hasPrefix(wanted) }
        if matches.count == 1 { return matches[0] }
        if matches.count > 1 {
            throw CoopError(
                .usage, "`\(text.printable)` is not unique", matches.map(\.name.text).joined(separator: ", "), next: "coop task list")
        }
        throw CoopError(
            .notFound, "there is no task `\(text.printable)` in this project",
            all.isEmpty ? "it has no tasks yet" : "it has \(all.map(\.name.text).joined(separator: ", "))",
            next: all.isEmpty ? "coop run --task NAME -- COMMAND" : "coop task list")
    }

    /// Keeps a changed record.
    public func update(_ record: TaskRecord) throws(CoopError) {
        do { try record.write() } catch {
            throw CoopError(
                .failed, "cannot keep the record of the task \(record.name)", "\(error)",
                next: error.isFull ? "df -h; df -i" : "ls -la \(record.directory.printable)")
        }
    }

    private func names() throws(CoopError) -> [String] {
        do { return try FileSystem.list(directory).filter { !$0.hasPrefix(".") } } catch {
            if error.errno == ENOENT { return [] }
            throw CoopError(.failed, "cannot list the tasks", "\(error)", next: "ls -la \(directory.printable)")
        }
    }
}
