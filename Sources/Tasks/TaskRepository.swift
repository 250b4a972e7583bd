import CoopErrors
import LinuxKernel
import Workspaces

/// The user's repository as tasks see it: where they are made from, and what has become of their branches. Git is asked through
/// ``HostGit`` alone.
public struct TaskRepository: Sendable {
    public let repository: GitRepository
    /// The project's root below the top level of its repository; empty where they are the same.
    public let prefix: String
    package let git: HostGit
    /// A directory of coop's own for views, locks and journals of git.
    package let stateDirectory: String
    package let program: String
    package let user: GitUserConfiguration

    /// Finds the repository that a project's root belongs to.
    ///
    /// - Parameters:
    ///   - git: the git program (``HostGit/find(path:)``).
    ///   - stateDirectory: `$COOP_HOME/state/git`, which must exist.
    ///   - user: where the user's own git configuration lies.
    /// - Throws: `CoopError` of kind `notReady` where there is none.
    public init(of root: String, git: String, stateDirectory: String, user: GitUserConfiguration) throws {
        var level = root
        var found = try GitRepository.find(at: level)
        while found == nil, level != "/" {
            level = FileSystem.parent(of: level)
            if FileSystem.kind(FileSystem.join(level, ".git"), followLinks: false) != nil { found = try GitRepository.find(at: level) }
        }
        guard let found else {
            throw CoopError(
                .notReady, "cannot use tasks in \(root.printable)", "it is not in a git repository, and a task is a branch of one",
                next: "git init && git add . && git commit -m Begin")
        }
        repository = found
        prefix = FileSystem.relative(root, to: level) ?? ""
        program = git
        self.stateDirectory = stateDirectory
        self.user = user
        self.git = HostGit(found, executable: git, views: stateDirectory, user: user)
    }

    /// The worktree of a task as a repository of its own, for commands that look at its index and files.
    ///
    /// - Throws: `CoopError` when tree or git's record of it are gone.
    package func git(in record: TaskRecord) throws -> HostGit {
        HostGit(worktree(of: record), executable: program, views: stateDirectory, user: user)
    }

    /// As ``GitRepository/find(at:)`` would find it, without reading what a sandbox could have written.
    package func worktree(of record: TaskRecord) -> GitRepository {
        GitRepository(
            workTree: record.tree, link: .file, gitDirectory: gitDirectory(of: record), commonDirectory: repository.commonDirectory,
            objectDirectories: repository.objectDirectories)
    }

    /// Git's record of a task's worktree.
    package func gitDirectory(of record: TaskRecord) -> String {
        FileSystem.join(FileSystem.join(repository.commonDirectory, "worktrees"), record.worktree)
    }

    /// What git on the host sees goes with the worktree that it was made for.
    func removeView(ofWorktree directory: String) throws(SystemError) {
        let worktree = GitRepository(
            workTree: "", link: .file, gitDirectory: directory, commonDirectory: repository.commonDirectory, objectDirectories: [])
        // It is named after the directory, and goes before that.
        if try FileSystem.kindIfPresent(directory, followLinks: false) == nil { return }
        try FileSystem.removeTree(GitView(of: worktree, in: stateDirectory).path)
    }

    // MARK: - References

    /// All references of the repository, and HEAD of the worktree that the user is in.
    public func references() throws -> RefSnapshot {
        try describing("cannot read the references of \(repository.workTree.printable)") {
            try RefSnapshot.read(repository) ?? RefSnapshot.read(asking: git)
        }
    }

    /// What a task is made from: the branch that is named, else the one that is checked out.
    ///
    /// - Parameter name: a branch, or anything else that git takes for a commit.
    public func base(_ name: String?) throws -> (branch: String?, commit: ObjectID) {
        let all = try references()
        guard let name else {
            switch all.head {
            case .detached(let id): return (nil, id)
            case .branch(let branch):
                if let id = all.refs[branch] { return (branch, id) }
                throw CoopError(
                    .notReady, "cannot make a task from \(TaskRepository.short(branch).printable)", "it has no commits yet",
                    next: "git commit --allow-empty -m Begin   # or: coop run --task NAME --base BRANCH")
            }
        }
        if RefName.isValid("refs/heads/" + name), let id = all.refs["refs/heads/" + name] { return ("refs/heads/" + name, id) }
        if RefName.isValid(name), name.hasPrefix("refs/heads/"), let id = all.refs[name] { return (name, id) }
        if !name.hasPrefix("-"), !name.isEmpty, !name.utf8.contains(where: { $0 < 0x20 }) {
            let outcome = try git.attempt(["rev-parse", "--verify", "--quiet", "\(name)^{commit}"])
            let line = String(decoding: outcome.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            if outcome.status.isSuccess, let id = ObjectID(line) { return (nil, id) }
        }
        let branches = all.refs.keys.filter { $0.hasPrefix("refs/heads/") }.map(TaskRepository.short)
        let near = NearestName.find(name, among: branches).map { "; did you mean `\($0.printable)`?" } ?? ""
        throw CoopError(
            .usage, "cannot make a task from `\(name.printable)`", "there is no such branch or commit\(near)", next: "git branch --all")
    }

    /// The tip of a task's branch; nil when the branch is gone.
    public func tip(of record: TaskRecord) throws -> ObjectID? { try references().refs[record.name.reference] }

    /// How many commits `left` has that `right` lacks, and the other way round.
    public func divergence(_ left: ObjectID, _ right: ObjectID) throws -> (ahead: Int, behind: Int) {
        let answer = try git.run(["rev-list", "--count", "--left-right", "\(left.hex)...\(right.hex)"])
        let parts = String(decoding: answer, as: UTF8.self).split { $0 == "\t" || $0 == "\n" || $0 == " " }.compactMap { Int($0) }
        guard parts.count == 2 else {
            throw CoopError(
                .failed, "cannot compare commits", "git's answer was not understood",
                next: "git -C \(repository.workTree.printable) log \(left.hex)...\(right.hex)")
        }
        return (parts[0], parts[1])
    }

    /// The newest commit that both have; nil when they have nothing in common.
    package func mergeBase(_ left: ObjectID, _ right: ObjectID) throws -> ObjectID? {
        let outcome = try git.attempt(["merge-base", left.hex, right.hex])
        guard outcome.status.isSuccess else { return nil }
        return ObjectID(String(decoding: outcome.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// How many commits of a task are on no other branch, tag or remote branch, neither themselves nor as what a merge made of them.
    ///
    /// - Parameter withBranch: whether the task's own branch goes as well, and not only its tree, whose HEAD may be elsewhere.
    public func unmergedCommits(of record: TaskRecord, withBranch: Bool = true) throws -> Int {
        var tips: [ObjectID] = []
        if withBranch, let tip = try tip(of: record), try !isMerged(tip, record) { tips.append(tip) }
        let head = try FileBytes.contents(FileSystem.join(gitDirectory(of: record), "HEAD"), limit: 4096).flatMap(RefSnapshot.parseHead)
        if case .detached(let id) = head { tips.append(id) }
        return tips.isEmpty ? 0 : try commits(of: tips, beside: withBranch ? record : nil)
    }

    /// Whether everything up to a commit has been merged, and what the merge made of it is still on another branch.
    private func isMerged(_ tip: ObjectID, _ record: TaskRecord) throws -> Bool {
        guard tip == record.merged, let result = record.mergedAs, try git.attempt(["cat-file", "-e", result.hex]).status.isSuccess else {
            return false
        }
        return try commits(of: [result], beside: record) == 0
    }

    /// Whether a branch has all that a task has, though in other commits: the same ones, picked or rebased, or a single one with everything.
    public func isMergedByHand(_ record: TaskRecord) throws -> Bool {
        let references = try references().refs
        guard let tip = references[record.name.reference], let base = record.baseBranch.flatMap({ references[$0] }),
            let fork = try mergeBase(base, tip)
        else { return false }
        let left = try git.run(
            ["rev-list", "--count", "--cherry-pick", "--right-only", "--no-merges", "\(base.hex)...\(tip.hex)"])
        if left.elementsEqual("0\n".utf8) { return try git.run(["rev-list", "--merges", "\(fork.hex)..\(tip.hex)"]).isEmpty }
        let plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--binary", "--full-index", "--no-renames"]
        let own = try patches(["diff-tree", "-p"] + plain + [fork.hex, tip.hex])
        guard let own = own.first else { return false }
        return try patches(["log", "-p", "--first-parent", "--max-count=200"] + plain + ["\(fork.hex)..\(base.hex)"]).contains(own)
    }

    /// Names of patches by what they change (git-patch-id(1)).
    private func patches(_ arguments: [String]) throws -> [Substring] {
        let setting = HostGit.Setting(limits: .init(output: 1 << 28))
        let text = try git.run(["patch-id", "--stable"], HostGit.Setting(input: git.run(arguments, setting)))
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.prefix { $0 != " " } }
    }

    /// How many commits these have that no branch, but the task's, tag or remote branch has.
    private func commits(of tips: [ObjectID], beside record: TaskRecord?) throws -> Int {
        let others = record.map { ["--exclude=\($0.name.branch)"] } ?? []
        let answer = try git.run(["rev-list", "--count"] + tips.map(\.hex) + ["--not"] + others + ["--branches", "--tags", "--remotes"])
        guard let count = Int(String(decoding: answer, as: UTF8.self).filter { $0 != "\n" }) else {
            throw CoopError(
                .failed, "cannot count the commits of a task", "git's answer was not understood",
                next: "git -C \(repository.workTree.printable) log --branches")
        }
        return count
    }

    /// `main` for `refs/heads/main`.
    public static func short(_ reference: String) -> String {
        for prefix in ["refs/heads/", "refs/tags/", "refs/remotes/"] where reference.hasPrefix(prefix) {
            return String(reference.dropFirst(prefix.utf8.count))
        }
        return reference
    }

    /// Whether names of branches that differ only in case are one to the repository's file system (core.ignorecase).
    var ignoresCase: Bool { repository.ignoresCase }

    /// What of the settings of the user's worktree a further one gets too.
    func worktreeSettings() throws -> GitWorktreeSettings { try GitWorktreeSettings(of: repository, user: user, git: program) }

    // MARK: - Files

    /// What is not committed in a task's tree: paths relative to it, with git's two letters (git-status(1), "Short Format").
    ///
    /// No filter, hook or monitor of anybody's configuration runs; submodules are not looked into. A pipe in the place of a file that git reads
    /// keeps it until its time is over.
    public func changedFiles(of record: TaskRecord) throws -> [(state: String, path: String)] {
        let answer = try git(in: record).run(
            ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames"],
            HostGit.Setting(workTree: record.tree, limits: HostProcess.Limits(timeout: 60_000)))
        return answer.split(separator: 0).compactMap { line in
            guard line.count > 3 else { return nil }
            return (String(decoding: line.prefix(2), as: UTF8.self), String(osBytes: line.dropFirst(3)))
        }
    }
}
