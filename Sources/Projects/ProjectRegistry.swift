import CoopErrors
import Glibc
import LinuxKernel
import TOML

/// The projects for which coop keeps something: a directory each below `$COOP_HOME/projects`, with a `project.toml`.
///
/// Every change is a rename(2) or the replacement of one file, under one lock, so that `kill -9` at any point leaves a state that the next
/// command understands.
public struct ProjectRegistry: Sendable {
    private let home: CoopHome
    private static let fileName = "project.toml"

    public init(home: CoopHome) { self.home = home }

    // MARK: - Looking

    /// Every project, by name and path. A directory without a record that can be read is left out.
    public func all() throws(CoopError) -> [ProjectRecord] { try listing().projects }

    /// The same with the records that cannot be read, by directory.
    public func listing() throws(CoopError) -> (projects: [ProjectRecord], damaged: [DamagedRecord]) {
        let directory = home.directory(.projects)
        guard FileSystem.kind(directory) == .directory else { return ([], []) }
        let names: [String]
        do { names = try FileSystem.list(directory) } catch {
            throw CoopError(.failed, "cannot list the projects", "\(error)", next: "ls -la \(directory.shellQuoted)")
        }
        var found: [ProjectRecord] = []
        var damaged: [DamagedRecord] = []
        for name in names.sorted() where !name.hasPrefix(".") {
            switch look(key: name) {
            case .record(let record): found.append(record)
            case .damaged(let record): damaged.append(record)
            case nil: continue
            }
        }
        return (found.sorted { ($0.title, $0.path) < ($1.title, $1.path) }, damaged)
    }

    /// What is kept about a project; nil when it is not known yet, or its record is damaged.
    public func record(of project: Project) -> ProjectRecord? {
        if case .record(let record)? = look(key: project.key.text) { record } else { nil }
    }

    /// What is wrong with a project's record; nil when it is fine, or there is none.
    public func damage(of project: Project) -> DamagedRecord? {
        if case .damaged(let record)? = look(key: project.key.text) { record } else { nil }
    }

    private enum Found {
        case record(ProjectRecord)
        case damaged(DamagedRecord)
    }

    /// Nil when there is no record.
    private func look(key: String) -> Found? {
        let directory = FileSystem.join(home.directory(.projects), key)
        let path = FileSystem.join(directory, ProjectRegistry.fileName)
        func damaged(_ reason: String) -> Found { .damaged(DamagedRecord(directory: directory, reason: reason)) }
        let bytes: [UInt8]
        do { bytes = try FileSystem.read(path, limit: 1 << 16) } catch {
            // Something is kept, and the record is written first: a killed command was removing it, or an older one has made the directory.
            return error.errno == ENOENT || error.errno == ENOTDIR ? nil : damaged("\(ProjectRegistry.fileName): \(error.reason)")
        }
        do {
            let document = try TOMLDocument(parsing: bytes, name: ProjectRegistry.fileName)
            return ProjectRecord(document.root).map { .record($0) } ?? damaged("\(document.name) is not one that this version wrote")
        } catch {
            return damaged("\(error.place): \(error.reason)")
        }
    }

    /// Whether anything is kept for the project.
    public func keeps(_ project: Project) -> Bool { FileSystem.kind(home.directory(of: project.key), followLinks: false) != nil }

    /// The one project that a person means by a name: its title, its id, or its name where only one project has it.
    ///
    /// - Throws: `usage` with the candidates when there are several, `notFound` with the nearest name when there is none.
    public func find(_ text: String) throws(CoopError) -> ProjectRecord {
        let (all, damaged) = try listing()
        var matches = all.filter { $0.title == text || $0.id == text }
        if matches.isEmpty { matches = all.filter { $0.name == text } }
        if matches.count == 1 { return matches[0] }
        if matches.isEmpty {
            let near = NearestName.find(text, among: all.map(\.title)).map { "; did you mean `\($0.printable)`?" } ?? ""
            let unread = damaged.isEmpty ? "" : "; the records of \(damaged.count) cannot be read"
            throw CoopError(
                .notFound, "there is no project `\(text.printable)`", "nothing is kept for one of that name\(near)\(unread)",
                next: "coop project list")
        }
        let places = matches.map { "\n  \(home.abbreviated($0.path).printable)  (id \($0.id))" }.joined()
        throw CoopError(
            .usage, "`\(text.printable)` is not unique", "there are \(matches.count) such projects; name one by its path or id:\(places)",
            next: "coop --project \(matches[0].path.shellQuoted) …")
    }

    // MARK: - Keeping

    /// Makes the project known, and its record up to date. With nothing new this reads one file.
    ///
    /// - Parameters:
    ///   - name: what its configuration calls it; nil leaves what was known, else takes the directory's name.
    ///   - now: seconds since 1970.
    @discardableResult
    public func keep(_ project: Project, name: String? = nil, now: Int64 = Int64(time(nil))) throws(CoopError) -> ProjectRecord {
        let known = record(of: project)
        if let known, known == (try current(project, name: name, old: known, now: now)) { return known }
        return try lock.locked { () throws(CoopError) in
            let new = try current(project, name: name, old: record(of: project), now: now)
            try home.prepare(home.directory(of: project.key))
            try write(new)
            return new
        }
    }

    /// The same with the name that the project's configuration gives it; what is wrong with that is not said here.
    @discardableResult
    public func keepAsConfigured(_ project: Project) throws(CoopError) -> ProjectRecord {
        let loaded = try? LoadedConfiguration.load(project: project, home: home)
        return try keep(project, name: loaded?.resolve().effective.name?.value)
    }

    /// The record as it is, or would be if the project were known; nothing is written.
    public func describe(_ project: Project, name: String? = nil) throws(CoopError) -> ProjectRecord {
        try current(project, name: name, old: record(of: project), now: Int64(time(nil)))
    }

    /// What keeps a linked worktree apart from the others of its repository; nil for every other project.
    public func worktree(of project: Project) throws(CoopError) -> WorktreePlace? {
        guard let worktree = LinkedWorktree.find(at: project.root) else { return nil }
        return try place(of: worktree, root: project.root, old: record(of: project))
    }

    /// The same for a working tree that coop has made, which is no project of its own and whose offset is kept with it.
    ///
    /// - Parameter portOffset: what ``givePortOffset(to:keep:)`` has given it.
    public func worktree(at tree: String, portOffset: Int?) throws(CoopError) -> WorktreePlace? {
        guard let worktree = LinkedWorktree.find(at: tree) else { return nil }
        if let portOffset { return WorktreePlace(worktree, portOffset: portOffset) }
        return try place(of: worktree, root: tree, old: nil)
    }

    /// Gives a working tree that coop has made ports that no other one of the repository has.
    ///
    /// - Parameter keep: writes it down where ``taskOffsets()`` finds it, while nobody else gives ports.
    public func givePortOffset(to tree: String, keep: (Int) throws(CoopError) -> Void) throws(CoopError) {
        guard let worktree = LinkedWorktree.find(at: tree) else { return }
        try lock.locked { () throws(CoopError) in try keep(try place(of: worktree, root: tree, old: nil).portOffset) }
    }

    /// What the tasks of all projects have, from the lines `port_offset` of their records. Those of another repository are only a few more
    /// that are taken.
    private func taskOffsets() -> [Int] {
        let projects = home.directory(.projects)
        var result: [Int] = []
        for key in (try? FileSystem.list(projects)) ?? [] {
            let tasks = FileSystem.join(FileSystem.join(projects, key), "tasks")
            for name in (try? FileSystem.list(tasks)) ?? [] where !name.hasPrefix(".") {
                let record = FileSystem.join(FileSystem.join(tasks, name), "task")
                guard FileSystem.kind(record) == .file, let bytes = try? FileSystem.read(record, limit: 1 << 16) else { continue }
                let lines = String(osBytes: bytes).split(separator: "\n")
                result += lines.filter { $0.hasPrefix("port_offset ") }.compactMap { Int($0.dropFirst(12)) }
            }
        }
        return result
    }

    private func current(_ project: Project, name: String?, old: ProjectRecord?, now: Int64) throws(CoopError) -> ProjectRecord {
        let worktree = LinkedWorktree.find(at: project.root)
        let standard = worktree?.repositoryName ?? FileSystem.lastComponent(of: project.root)
        return ProjectRecord(
            path: project.root, name: name ?? old?.name ?? (standard.isEmpty ? "project" : standard),
            id: old?.id ?? ProjectRegistry.newID(), identity: FileIdentity(of: project.root), created: old?.created ?? now,
            worktree: try worktree.map { worktree throws(CoopError) in try place(of: worktree, root: project.root, old: old) })
    }

    private func place(of worktree: LinkedWorktree, root: String, old: ProjectRecord?) throws(CoopError) -> WorktreePlace {
        if let known = old?.worktree, known.worktree == worktree { return known }
        let others = try all().filter { $0.path != root && $0.worktree?.repository == worktree.repository }
        // A worktree that is gone gives its ports back.
        let taken = others.filter { FileSystem.kind($0.path) != nil }.compactMap { $0.worktree?.portOffset }
        guard let offset = WorktreePlace.portOffset(of: worktree, taken: Set(taken + taskOffsets())) else {
            throw CoopError(
                .failed, "cannot give the worktree \(worktree.name.printable) ports of its own",
                "\(taken.count) other worktrees of \(worktree.repository.printable) have all there are", next: "coop project list")
        }
        return WorktreePlace(worktree, portOffset: offset)
    }

    private static func newID() -> String {
        let digits = Array("abcdefghijkmnpqrstuvwxyz23456789")
        return String((0..<12).map { _ in digits[Int.random(in: 0..<digits.count)] })
    }

    // MARK: - Moving

    /// The project whose directory this is, under the path that it had before: the same directory by device, inode and time of birth, and
    /// nothing at the old path any more. A copy has another identity, and what stands at the old path keeps what is kept for it. Nil where
    /// the project is known by its path.
    public func formerSelf(of project: Project) throws(CoopError) -> ProjectRecord? {
        if let known = record(of: project) {
            // Its directory was renamed already when the move was interrupted.
            return known.path == project.root ? nil : known
        }
        guard !keeps(project), let identity = FileIdentity(of: project.root) else { return nil }
        let same = try all().filter { $0.identity == identity && $0.path != project.root && isGone($0.path) }
        return same.count == 1 ? same[0] : nil
    }

    /// Whether certainly nothing is there.
    public func isGone(_ path: String) -> Bool {
        do { return try FileSystem.status(path, followLinks: false) == nil } catch { return false }
    }

    /// Gives what is kept for a project to the same project at another path. What was approved holds for the same contents.
    ///
    /// The directory takes its new name first; a record that names another path than its own key's is a move to be finished.
    public func move(_ former: ProjectRecord, to project: Project) throws(CoopError) {
        try lock.locked { () throws(CoopError) in
            let (old, new) = (home.directory(of: former.key), home.directory(of: project.key))
            if FileSystem.kind(new, followLinks: false) == nil {
                do { try FileSystem.rename(old, to: new) } catch {
                    throw CoopError(
                        .failed, "cannot take over what was kept for \(former.path.printable)", "\(error)",
                        next: "ls -la \(home.directory(.projects).shellQuoted)")
                }
            }
            guard let record = record(of: project), record.path == former.path else { return }
            try TrustStore(home: home).move(from: former.path, to: project)
            try write(try current(project, name: nil, old: record, now: record.created), in: new)
        }
    }

    /// Forgets a project: what is kept for it, and what was approved. Its own directory is not touched.
    ///
    /// - Parameter isBusy: looked at once nobody else can change the registry.
    public func remove(_ record: ProjectRecord, unless isBusy: () throws(CoopError) -> Void) throws(CoopError) {
        let place = home.directory(of: record.key)
        try lock.locked { () throws(CoopError) in
            try isBusy()
            do {
                // Approvals first: what is left without them is only less than before.
                try FileSystem.removeFile(FileSystem.join(home.directory(.trust), record.key.text))
                if try FileSystem.kindIfPresent(place, followLinks: false) != nil { try home.trash.remove(place) }
            } catch {
                throw CoopError(
                    .failed, "cannot remove everything kept for the project", "\(error)",
                    next: "ls -la \(home.directory(.projects).shellQuoted)")
            }
        }
    }

    // MARK: - Files

    private func write(_ record: ProjectRecord, in directory: String? = nil) throws(CoopError) {
        let path = FileSystem.join(directory ?? home.directory(of: record.key), ProjectRegistry.fileName)
        do { try FileSystem.replace(path, with: record.text.utf8, mode: 0o600) } catch {
            throw CoopError(.failed, "cannot keep a record of the project", "\(error)", next: "ls -la \(home.path.shellQuoted)")
        }
    }

    private var lock: DirectoryLock { DirectoryLock(home: home, directory: home.directory(.projects), what: "the projects") }
}
