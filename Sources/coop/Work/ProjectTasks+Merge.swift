import CoopErrors
import LinuxKernel
import Projects
import Tasks
import Workspaces

extension ProjectTasks {
    /// Git on the repository's objects alone, in a directory of a merge.
    func isolatedGit(in place: MergeStore.Place, head: ObjectID?) throws -> IsolatedGit {
        let environment = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
        return try IsolatedGit(
            repository.repository, in: place.work, head: head, user: GitUserConfiguration(environment: environment),
            executable: try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin"), environment: environment)
    }

    /// The branch that a task is merged into, as a full name.
    ///
    /// - Parameter name: what the user says; nil for the branch that it was made from.
    func mergeTarget(_ name: String?, of record: TaskRecord) throws -> String {
        let what = "cannot merge \(record.name)"
        if let name {
            let reference = name.hasPrefix("refs/heads/") ? name : "refs/heads/" + name
            guard RefName.isValid(reference), reference != record.name.reference else {
                throw CoopError(.usage, what, "`\(name.printable)` is not another branch", next: "git branch")
            }
            return reference
        }
        if let base = record.baseBranch { return base }
        throw CoopError(
            .usage, what, "it was made from the commit \(record.baseCommit.hex.prefix(10)), not from a branch",
            next: "coop task merge \(record.name) --into BRANCH")
    }

    /// The working tree in which a branch is checked out; nil for none.
    func checkout(of reference: String, for record: TaskRecord) throws -> GitRepository? {
        let what = "cannot merge \(record.name) into \(TaskRepository.short(reference).printable)"
        let all = try describing("cannot look at the working trees of the repository") { try Checkout.all(of: repository.repository) }
        guard let found = all.first(where: { $0.branch == reference }) else { return nil }
        let tree = found.repository.workTree
        if found.isBusy {
            throw CoopError(
                .failed, what, "an operation of git's is not finished in \(context.home.abbreviated(tree).printable)",
                next: "git -C \(tree.shellQuoted) status")
        }
        guard FileSystem.kind(tree) == .directory else {
            throw CoopError(
                .failed, what, "the branch is checked out in \(tree.printable), which is not there",
                next: "git -C \(repository.repository.workTree.shellQuoted) worktree prune")
        }
        // A session in the tree of another task does not learn that its branch has moved. A name that no task can have is none of one.
        let own = "refs/heads/coop/"
        if reference.hasPrefix(own), let other = try? TaskName(String(reference.dropFirst(own.utf8.count))),
            let session = try store.session(of: other)
        {
            throw CoopError(
                .notReady, what, "the session \(session.printable) works in it", next: "coop stop \(session.printable)")
        }
        return found.repository
    }
}

extension ProjectTasks {
    /// Git on a working tree of the repository; nil for the user's own.
    func host(_ checkout: GitRepository?) throws -> HostGit {
        let views = FileSystem.join(context.home.path, "state/git")
        try context.home.prepare(views)
        let environment = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
        return HostGit(
            checkout ?? repository.repository, executable: try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin"),
            views: views, user: GitUserConfiguration(environment: environment))
    }
}
