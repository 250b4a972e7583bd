import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Sessions

/// Every session that this user has a record of, alive or over.
struct SessionStore {
    let context: Context

    /// All of them, the oldest first.
    func all() throws(CoopError) -> [StoredSession] {
        let live = try liveIDs()
        var result: [StoredSession] = []
        for directory in try directories() {
            for id in try names(in: directory.path) where !id.hasPrefix(".") {
                let path = FileSystem.join(directory.path, id)
                let known = SessionSummary.read(directory: path).flatMap { $0.id == id ? $0 : nil }
                guard let summary = known ?? (SessionStore.hasLog(path) ? damaged(id) : nil) else { continue }
                result.append(StoredSession(directory: path, project: directory.project, summary: summary, isLive: live.contains(id)))
            }
        }
        return result.sorted { ($0.summary.started, $0.id) < ($1.summary.started, $1.id) }
    }

    /// The session that a name, an id, or at least four characters of an id mean. Of several of one name it is the one that lives,
    /// else the latest.
    func find(_ text: String) throws(CoopError) -> StoredSession {
        let all = try all()
        if let exact = all.first(where: { $0.id == text }) { return exact }
        let named = all.filter { $0.summary.name == text }
        if let found = named.last(where: \.isLive) ?? named.last { return found }
        let matches = text.utf8.count >= 4 ? all.filter { $0.id.hasPrefix(text) } : []
        if matches.count == 1 { return matches[0] }
        if matches.count > 1 {
            throw CoopError(
                .usage, "`\(text.printable)` is not unique",
                matches.map { "\($0.id)\($0.summary.name.map { " (\($0.printable))" } ?? "")" }.joined(separator: ", "),
                next: "coop ps -a")
        }
        let short = text.utf8.count < 4 ? ", and the beginning of an id needs four characters" : ""
        throw CoopError(.notFound, "there is no session `\(text.printable)`", "no name or id matches\(short)", next: "coop ps -a")
    }

    /// Whether a session whose record cannot be read is still there, to be looked at and removed. One that is only being made has no log yet.
    private static func hasLog(_ directory: String) -> Bool {
        do { return try FileSystem.kindIfPresent(FileSystem.join(directory, "tip")) == .file } catch { return true }
    }

    private func damaged(_ id: String) -> SessionSummary {
        var summary = SessionSummary(
            id: id, name: nil, agent: nil, workspace: "?", command: [], started: 0, hasTerminal: false, arguments: [], directory: "")
        summary.state = .failed
        summary.reason = "its record (summary) cannot be read"
        return summary
    }

    /// The place of a new session's log.
    func directory(of id: String, project: ProjectKey) -> String {
        FileSystem.join(context.home.directory(.sessions, of: project), id)
    }

    private func liveIDs() throws(CoopError) -> Set<String> {
        do {
            return Set(try SessionDirectory.ids(in: context.run).filter { SessionDirectory.isLive(run: context.run, id: $0) })
        } catch {
            throw CoopError(.failed, "cannot list the sandboxes", "\(error)", next: "ls -la \(context.run.shellQuoted)")
        }
    }

    private func directories() throws(CoopError) -> [(project: String, path: String)] {
        let projects = context.home.directory(.projects)
        return try names(in: projects).filter { !$0.hasPrefix(".") }.map { key in
            (key, FileSystem.join(FileSystem.join(projects, key), CoopHome.ProjectArea.sessions.rawValue))
        }
    }

    /// The names in a directory; none where there is no such directory.
    private func names(in directory: String) throws(CoopError) -> [String] {
        do { return try FileSystem.list(directory) } catch {
            if error.errno == ENOENT { return [] }
            throw CoopError(.failed, "cannot list the sessions", "\(error)", next: "ls -la \(directory.shellQuoted)")
        }
    }
}
