import CoopErrors
import LinuxKernel
import Projects
import Workspaces

/// Commits of a project's sessions that did not arrive in its repository, and are kept.
struct ProjectCommits {
    let context: Context
    /// By session.
    let all: [KeptCommits]

    init(context: Context, project: ProjectKey) throws {
        self.context = context
        all = try KeptCommits.all(in: ProjectCommits.store(context, project.text))
    }

    /// - Parameter project: its key.
    static func store(_ context: Context, _ project: String) -> String {
        FileSystem.join(FileSystem.join(context.home.directory(.projects), project), CoopHome.ProjectArea.commits.rawValue)
    }

    /// Those of the session that an id, or the beginning of one alone, means; of the only one where none is named.
    func find(_ text: String?) throws(CoopError) -> KeptCommits {
        let ids = all.map(\.session).joined(separator: ", ")
        guard let text else {
            if all.count == 1 { return all[0] }
            throw CoopError(
                all.isEmpty ? .notFound : .usage, "cannot tell which commits are meant",
                all.isEmpty ? "none are kept for this project" : "those of several sessions are kept: \(ids)", next: "coop commits list")
        }
        let matches = all.filter { $0.session == text || (text.utf8.count >= 4 && $0.session.hasPrefix(text)) }
        if matches.count == 1 { return matches[0] }
        throw CoopError(
            .notFound, "no commits of a session `\(text.printable)` are kept",
            all.isEmpty ? "none are kept for this project" : "there are those of \(ids)", next: "coop commits list")
    }
}
