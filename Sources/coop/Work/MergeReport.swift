import Review
import Tasks
import Workspaces

/// What `coop task merge --json` says.
struct MergeReport: Encodable {
    struct File: Encodable {
        var path: String
        /// `added`, `changed` or `removed`.
        var action: String
    }

    var version = 1
    var task: String
    var branch: String
    /// The branch that it goes into.
    var into: String
    var method: String
    /// `merged`, `nothing` or `conflicts`.
    var result = "nothing"
    /// Why there was nothing to merge.
    var reason: String?
    /// The last commit of the branch now.
    var commit: String?
    var isFastForward: Bool?
    var commits: Int?
    var files: [File] = []
    var conflicts: [String] = []
    /// What was not merged, in words.
    var notes: [String] = []

    mutating func describe(_ merged: MergedCommit, _ changes: [Change]) {
        commit = merged.commit.hex
        isFastForward = merged.isFastForward
        commits = merged.commits
        files = changes.map { File(path: $0.path, action: $0.before == nil ? "added" : $0.after == nil ? "removed" : "changed") }
    }
}
