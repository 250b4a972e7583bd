import CoopErrors
import LinuxKernel
import Workspaces

/// Merges one branch into another without a working tree, as plain git would: same trees, same messages, the user as the author.
///
/// Everything that is made lies in the directory of the ``IsolatedGit``; the repository has not changed when it returns.
package struct TaskMerge {
    let git: IsolatedGit
    /// The branch that is merged, without `refs/heads/`.
    let branch: String
    /// Its last commit.
    let tip: ObjectID
    /// The branch that it goes into, without `refs/heads/`.
    let target: String
    /// That one's last commit; nil when it has none yet.
    let targetTip: ObjectID?

    package init(git: IsolatedGit, branch: String, tip: ObjectID, target: String, targetTip: ObjectID?) {
        self.git = git
        self.branch = branch
        self.tip = tip
        self.target = target
        self.targetTip = targetTip
    }

    private var what: String { "cannot merge \(branch.printable) into \(target.printable)" }

    /// - Throws: `failed` for histories without a common commit, `merge.ff = only` where it cannot be kept, and what git refuses.
    package func compute(_ method: MergeMethod) throws -> MergeResult {
        guard let targetTip else {
            // As `git merge` does in a new repository.
            return .done(
                MergedCommit(commit: tip, tree: try tree(of: tip), isFastForward: true, commits: try count([tip.hex])))
        }
        if tip == targetTip { return .nothing(why: "\(target) and \(branch) are the same commit") }
        let fork = try git.attempt(["merge-base", targetTip.hex, tip.hex])
        guard fork.status == 0 else {
            throw CoopError(
                .failed, what, fork.status == 1 ? "they have no commit in common" : fork.complaint,
                next: "git log --oneline --graph \(target.printable) \(branch.printable)")
        }
        let ahead = try count(["\(targetTip.hex)..\(tip.hex)"])
        if ahead == 0 { return .nothing(why: "\(target) holds every commit of \(branch)") }
        try provideAttributes(of: targetTip)
        switch method {
        case .merge: return try merge(onto: targetTip, ahead)
        case .squash: return try squash(onto: targetTip, ahead)
        case .rebase: return try TaskRebase(git: git, tip: tip).run(onto: targetTip)
        }
    }

    // MARK: - Merge and squash

    private func merge(onto targetTip: ObjectID, _ ahead: Int) throws -> MergeResult {
        let canForward = try git.attempt(["merge-base", "--is-ancestor", targetTip.hex, tip.hex]).status == 0
        let forward = try setting("merge.ff")
        if canForward, forward != "false" {
            return .done(MergedCommit(commit: tip, tree: try tree(of: tip), isFastForward: true, commits: ahead))
        }
        if forward == "only" {
            throw CoopError(
                .failed, what, "\(target.printable) has commits of its own, and merge.ff is `only`",
                next: "coop task merge \(branch.dropFirst(branch.hasPrefix("coop/") ? 5 : 0)) --rebase")
        }
        switch try git.mergeTrees(targetTip, tip) {
        case .conflicts(let paths): return .conflicts(paths: paths, commit: nil)
        case .tree(let tree):
            let message = try git.run(
                ["fmt-merge-msg", "--into-name", target], .init(input: "\(tip.hex)\t\tbranch '\(branch)' of .\n".osBytes))
            let commit = try git.object(
                ["commit-tree", tree.hex, "-p", targetTip.hex, "-p", tip.hex, "-F", "-"], .init(input: message))
            return .done(MergedCommit(commit: commit, tree: tree, isFastForward: false, commits: ahead))
        }
    }

    private func squash(onto targetTip: ObjectID, _ ahead: Int) throws -> MergeResult {
        switch try git.mergeTrees(targetTip, tip) {
        case .conflicts(let paths): return .conflicts(paths: paths, commit: nil)
        case .tree(let tree):
            if try tree == self.tree(of: targetTip) {
                return .nothing(why: "\(target) has every change of \(branch) already")
            }
            // The text that `git merge --squash` prepares.
            let log = try git.run(["log", "--no-color", "--no-merges", "--no-decorate", "--format=medium", "\(targetTip.hex)..\(tip.hex)"])
            let message = Array("Squashed commit of the following:\n\n".utf8) + log
            let commit = try git.object(
                ["commit-tree", tree.hex, "-p", targetTip.hex, "-F", "-"], .init(input: git.run(["stripspace"], .init(input: message))))
            return .done(MergedCommit(commit: commit, tree: tree, isFastForward: false, commits: ahead))
        }
    }

    // MARK: - Looking

    private func tree(of commit: ObjectID) throws -> ObjectID { try git.tree(of: commit) }

    private func count(_ range: [String]) throws -> Int { Int(try git.line(["rev-list", "--count"] + range)) ?? 0 }

    /// A value of the user's configuration; nil when it is not set.
    private func setting(_ key: String) throws -> String? {
        let answer = try git.attempt(["config", "--get", key])
        guard answer.status == 0 else { return nil }
        let text = String(osBytes: answer.output.prefix { $0 != UInt8(ascii: "\n") }).lowercased()
        return ["no", "off", "0"].contains(text) ? "false" : text
    }

    /// Git takes the attributes of a merge (`merge=union`, `-text`) from the working tree of the branch that is merged into.
    private func provideAttributes(of commit: ObjectID) throws {
        let list = try git.run(["ls-tree", "-r", "-z", commit.hex])
        for record in list.split(separator: 0) {
            guard let tab = record.firstIndex(of: UInt8(ascii: "\t")) else { continue }
            let path = String(osBytes: record[(tab + 1)...])
            guard path == ".gitattributes" || path.hasSuffix("/.gitattributes"), record.starts(with: Array("100".utf8)) else { continue }
            let parts = FileSystem.components(of: path)
            // Not a tree that git itself would check out.
            if path.hasPrefix("/") || parts.contains(where: { $0 == ".." || $0 == "." }) { continue }
            let id = String(decoding: record[..<tab], as: UTF8.self).split(separator: " ").last ?? ""
            let bytes = try git.run(["cat-file", "blob", String(id)])
            let file = FileSystem.join(git.emptyTree, path)
            do throws(SystemError) {
                try FileSystem.makeDirectories(FileSystem.parent(of: file))
                try FileSystem.replace(file, with: bytes)
            } catch {
                throw CoopError(.failed, what, error.description, next: "df -h; df -i")
            }
        }
    }
}

extension IsolatedGit {
    /// What came of merging two commits' trees.
    enum Trees {
        case tree(ObjectID)
        case conflicts([String])
    }

    /// The tree of a commit.
    func tree(of commit: ObjectID) throws -> ObjectID { try object(["rev-parse", "--verify", "--quiet", "\(commit.hex)^{tree}"]) }

    /// Three-way merge of two commits against what they have in common (git-merge-tree(1)).
    func mergeTrees(_ ours: ObjectID, _ theirs: ObjectID) throws -> Trees {
        let answer = try attempt(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours.hex, theirs.hex])
        // The tree, then the names of files in conflict, then nothing: each ended by NUL.
        let parts = answer.output.split(separator: 0, omittingEmptySubsequences: false)
        guard answer.status == 0 || answer.status == 1, let first = parts.first,
            let tree = ObjectID(String(decoding: first.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        else {
            throw CoopError(
                .failed, "cannot merge", answer.complaint, next: "git -C \(repository.workTree.printable) fsck --connectivity-only")
        }
        if answer.status == 0 { return .tree(tree) }
        // A file is named once for each side that has it.
        var seen: Set<[UInt8]> = []
        return .conflicts(
            parts.dropFirst().prefix { !$0.isEmpty }.filter { seen.insert(Array($0)).inserted }.map { String(osBytes: $0) })
    }
}
