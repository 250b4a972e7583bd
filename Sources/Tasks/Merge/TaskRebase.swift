import CoopErrors
import LinuxKernel
import Workspaces

/// Puts the commits of a branch one by one onto another, as git-rebase(1) does by default: merges are flattened, commits that are there already
/// and commits that become empty are left out, author and message stay.
struct TaskRebase {
    let git: IsolatedGit
    let tip: ObjectID

    func run(onto target: ObjectID) throws -> MergeResult {
        let list = try git.run(
            ["rev-list", "--reverse", "--topo-order", "--no-merges", "--right-only", "--cherry-pick", "\(target.hex)...\(tip.hex)"])
        let ids = list.split(separator: UInt8(ascii: "\n")).compactMap { ObjectID(String(decoding: $0, as: UTF8.self)) }
        let commits = try read(ids)
        var head = target
        var headTree = try git.tree(of: target)
        var count = 0
        let committer = try commits.isEmpty ? "" : git.line(["var", "GIT_COMMITTER_IDENT"])
        for commit in commits {
            if commit.parent == head {
                (head, headTree, count) = (commit.id, commit.tree, count + 1)
                continue
            }
            let before = try commit.parent.map { try git.tree(of: $0) } ?? git.emptyTreeID
            let tree: ObjectID
            switch try pick(before, commit.tree, onto: headTree) {
            case .conflicts(let paths): return .conflicts(paths: paths, commit: commit.id)
            case .tree(let result): tree = result
            }
            if tree == headTree, before != commit.tree { continue }
            let bytes = commit.bytes(tree: tree, parent: head, committer: committer)
            head = try git.object(["hash-object", "-t", "commit", "-w", "--stdin"], .init(input: bytes))
            (headTree, count) = (tree, count + 1)
        }
        if head == target { return .nothing(why: "every change is there already") }
        return .done(MergedCommit(commit: head, tree: headTree, isFastForward: head == tip, commits: count))
    }

    /// The difference between two trees, applied to a third.
    ///
    /// Git older than 2.40 cannot be told what two commits have in common, so that three commits are made that say it. They stay behind in
    /// coop's own directory.
    private func pick(_ before: ObjectID, _ after: ObjectID, onto head: ObjectID) throws -> IsolatedGit.Trees {
        if before == head { return .tree(after) }
        if before == after { return .tree(head) }
        func commit(_ tree: ObjectID, _ parent: ObjectID?) throws -> ObjectID {
            try git.object(["commit-tree", tree.hex] + (parent.map { ["-p", $0.hex] } ?? []), .init(input: Array("pick\n".utf8)))
        }
        let common = try commit(before, nil)
        return try git.mergeTrees(try commit(head, common), try commit(after, common))
    }

    private func read(_ ids: [ObjectID]) throws -> [RawCommit] {
        if ids.isEmpty { return [] }
        let bytes = try git.run(["cat-file", "--batch"], .init(input: Array(ids.map { $0.hex + "\n" }.joined().utf8)))
        var rest = bytes[...]
        var result: [RawCommit] = []
        for id in ids {
            // `<id> commit <size>`, the object, and a line feed.
            let header = rest.prefix { $0 != UInt8(ascii: "\n") }
            let parts = String(decoding: header, as: UTF8.self).split(separator: " ")
            rest = rest.dropFirst(header.count + 1)
            guard parts.count == 3, parts[0] == id.hex, parts[1] == "commit", let size = Int(parts[2]), rest.count > size,
                let commit = RawCommit(id: id, bytes: rest.prefix(size))
            else {
                throw CoopError(
                    .failed, "cannot read the commit \(id)", "git's answer was not understood",
                    next: "git -C \(git.repository.workTree.printable) cat-file -p \(id)")
            }
            result.append(commit)
            rest = rest.dropFirst(size + 1)
        }
        return result
    }
}
