import CoopErrors
import Glibc
import LinuxKernel
import Review
import Workspaces

/// Brings a computed merge to its branch: the working tree that has the branch checked out, git's index of it and the reference become new
/// together, or stay as they are.
///
/// 1. Git's lock on the index is taken, with the new index in it: no other git command moves branch or index meanwhile.
/// 2. The files change in one ``TreeTransaction``, and with its last step the reference. That step decides whether the merge is made.
/// 3. The new index takes its place.
///
/// The journal is written first, and removed last; ``MergeStore/recover(git:views:)`` finishes what a kill cuts off.
package struct MergeLanding {
    /// The branch and what it is to become.
    package struct Goal: Sendable {
        package var task: TaskRecord
        /// The last commit of the task's branch that is merged.
        package var tip: ObjectID
        /// `refs/heads/main`.
        package var reference: String
        /// Nil for a branch that has no commit yet.
        package var old: ObjectID?
        package var merged: MergedCommit
        package var method: MergeMethod

        package init(task: TaskRecord, tip: ObjectID, reference: String, old: ObjectID?, merged: MergedCommit, method: MergeMethod) {
            self.task = task
            self.tip = tip
            self.reference = reference
            self.old = old
            self.merged = merged
            self.method = method
        }
    }

    let goal: Goal
    let isolated: IsolatedGit
    /// On the working tree that has the branch checked out, or else the user's.
    let host: HostGit
    /// Whether there is such a tree.
    let isCheckedOut: Bool
    let place: MergeStore.Place
    let landings: LandingStore
    private let all: [TreeChange]
    private let before: CheckedOutFiles
    private let after: CheckedOutFiles
    private let what: String

    package init(
        _ goal: Goal, isolated: IsolatedGit, host: HostGit, isCheckedOut: Bool, place: MergeStore.Place, landings: LandingStore
    ) throws {
        self.goal = goal
        self.isolated = isolated
        self.host = host
        self.isCheckedOut = isCheckedOut
        self.place = place
        self.landings = landings
        what = "cannot merge \(goal.task.name) into \(TaskRepository.short(goal.reference).printable)"
        let old = try goal.old.map { try isolated.tree(of: $0) } ?? isolated.emptyTreeID
        all = try isolated.changes(from: old, to: goal.merged.tree)
        before = try CheckedOutFiles(
            all.compactMap { change in change.before.map { (change.path, $0) } }, of: old, named: "before", git: isolated)
        after = try CheckedOutFiles(
            all.compactMap { change in change.after.map { (change.path, $0) } }, of: goal.merged.tree, named: "after", git: isolated)
    }

    /// What the merge changes in the branch, for the landing gate. The files are out of every sandbox's reach and do not change any more.
    package func changes() throws -> [Change] {
        try all.map { change in
            // A path of one tree may lie below a file of the other.
            Change(
                path: change.path, before: try change.before.flatMap { _ in try before.version(at: change.path) },
                after: try change.after.flatMap { _ in try after.version(at: change.path) })
        }
    }

    /// Throws when the merge cannot land now: the working tree has changes of the user's in the same files. Nothing is changed.
    package func check() throws {
        guard isCheckedOut else { return }
        let edits = try TreeEdits(all, files: after, root: host.repository.workTree)
        let index = try copied(indexBytes(), "check.index")
        let sparse = try skipped(index)
        try refuse(edits.inTheWay.filter { !sparse.contains(PathBytes($0)) }, "they are not git's, and would be overwritten", "mv")
        try checkUserChanges(index)
    }

    /// Lands it.
    package func land() throws {
        let journal = MergeJournal(
            task: goal.task.name.text, taskDirectory: goal.task.directory, checkout: isCheckedOut ? host.repository : nil,
            commonDirectory: host.repository.commonDirectory, reference: goal.reference, old: goal.old, new: goal.merged.commit,
            tip: goal.tip)
        try isolated.store(goal.merged.commit, known: [goal.tip] + (goal.old.map { [$0] } ?? []), in: host)
        try describing(what) { try place.write(journal) }
        WriteStep.pass()
        do {
            if isCheckedOut { try landInTree() } else { try moveReference() }
        } catch {
            try forget()
            throw error
        }
        try MergeStore.record(journal)
        WriteStep.pass()
        try forget()
        if isCheckedOut, let old = goal.old {
            // What `git merge` leaves for `git reset --merge ORIG_HEAD`, and times in the index, which git would look for itself: the merge is
            // made, whether or not these work.
            _ = try? host.attempt(["update-ref", "--no-deref", "ORIG_HEAD", old.hex])
            _ = try? host.attempt(
                ["update-index", "-q", "--ignore-submodules", "--refresh"], .init(workTree: host.repository.workTree))
        }
    }

    /// Nothing is left to finish, unless the transaction of the tree is: that needs to know what has become of the merge.
    private func forget() throws {
        if try landings.isPending({ $0.kind == .merge && $0.detail == place.id }) { return }
        try describing(what) { try place.forget() }
    }

    // MARK: - The tree

    private func landInTree() throws {
        let tree = host.repository.workTree
        let lock = IndexLock(gitDirectory: host.repository.gitDirectory, id: place.id)
        // What is there now is remembered before it is compared with what git knows: a change in between does not go unnoticed.
        let oldIndex = try indexBytes()
        let newIndex = try mergedIndex(oldIndex)
        let sparse = try skipped(newIndex)
        let edits = try TreeEdits(all.filter { !sparse.contains(PathBytes($0.path)) }, files: after, root: tree)
        try lock.take(try describing(what) { try FileSystem.read(newIndex, limit: 2 << 30) }, what: what)
        do {
            WriteStep.pass()
            // Under the lock nobody stages anything any more.
            guard try indexBytes() == oldIndex else {
                throw CoopError(.failed, what, "git changed the index meanwhile", next: "coop task merge \(goal.task.name)")
            }
            try checkUserChanges(try copied(oldIndex, "locked.index"))
            try refuse(edits.inTheWay, "they are not git's, and would be overwritten", "mv")
            var transaction = TreeTransaction(
                root: tree, store: landings, note: LandingNote(kind: .merge, subject: goal.task.name.text, detail: place.id),
                edits: edits.edits)
            // It is the repository that knows how the tree was.
            transaction.keepsUndo = false
            let staged = try transaction.prepare()
            WriteStep.pass()
            try staged.commit {
                try moveReference()
            }
        } catch {
            if try !hasMoved() {
                try describing(what) { try lock.release() }
                throw error
            }
        }
        WriteStep.pass()
        try describing(what) { try lock.place() }
        WriteStep.pass()
    }

    /// Moves the branch, if it is where it was.
    private func moveReference() throws {
        let message = "coop: \(goal.method.rawValue) of \(goal.task.name.branch)"
        let old = goal.old?.hex ?? isolated.format.zero
        WriteStep.pass()
        defer { WriteStep.pass() }
        let outcome = try host.attempt(["update-ref", "--create-reflog", "-m", message, goal.reference, goal.merged.commit.hex, old])
        if outcome.status.isSuccess { return }
        if try hasMoved() { return }
        throw CoopError(
            .failed, what, "the branch cannot be moved: \(complaint(outcome))",
            next: "coop task merge \(goal.task.name)   # tries again with the branch as it is now")
    }

    private func hasMoved() throws -> Bool {
        let answer = try host.attempt(["rev-parse", "--verify", "--quiet", goal.reference])
        return String(decoding: answer.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self) == goal.merged.commit.hex
    }

    // MARK: - The index

    private var index: String { FileSystem.join(host.repository.gitDirectory, "index") }

    /// Nil where there is none yet.
    private func indexBytes() throws -> [UInt8]? { try describing(what) { try FileBytes.contents(index, limit: 2 << 30) } }

    /// A copy of the user's index, as old as the index: git compares times with it.
    private func copied(_ bytes: [UInt8]?, _ name: String) throws -> String {
        let copy = FileSystem.join(isolated.directory, name)
        try describing(what) {
            guard let bytes, let status = try FileSystem.status(index) else {
                try FileSystem.removeFile(copy)
                return
            }
            try FileSystem.replace(copy, with: bytes)
            let times = [status.st_atim, status.st_mtim]
            if copy.withOSBytes({ utimensat(AT_FDCWD, $0, times, 0) }) != 0 { throw SystemError("utimensat", copy) }
        }
        return copy
    }

    /// The index after the merge: what the user has staged elsewhere stays staged (git-read-tree(1), "Two Tree Merge").
    private func mergedIndex(_ bytes: [UInt8]?) throws -> String {
        let copy = try copied(bytes, "new.index")
        let old = goal.old ?? isolated.emptyTreeID
        _ = try host.run(
            ["read-tree", "-m", "-i", old.hex, goal.merged.commit.hex], .init(indexFile: copy, workTree: isolated.emptyTree))
        return copy
    }

    /// What an index says is not to be in the working tree (git-sparse-checkout(1)).
    private func skipped(_ index: String) throws -> Set<PathBytes> {
        let list = try host.run(
            ["ls-files", "-t", "-z"], .init(indexFile: index, workTree: isolated.emptyTree, limits: .init(output: 1 << 30)))
        return Set(
            list.split(separator: 0).filter { $0.starts(with: Array("S ".utf8)) }.map { PathBytes(String(osBytes: $0.dropFirst(2))) })
    }

    // MARK: - What the user has changed

    /// Refuses when a file of the merge has changes that are not committed; those of other files stay.
    private func checkUserChanges(_ index: String) throws {
        let tree = host.repository.workTree
        let setting = HostGit.Setting(indexFile: index, workTree: tree, limits: .init(output: 1 << 30))
        let unmerged = try names(["ls-files", "--unmerged", "-z"], setting).map { $0.split(separator: "\t").last.map(String.init) ?? $0 }
        try refuse(unmerged.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }, "they are in conflict", "git status")
        let changed = Set(all.map { PathBytes($0.path) })
        let old = goal.old ?? isolated.emptyTreeID
        let staged = try names(
            ["diff-index", "--cached", "--name-only", "-z", "--no-renames", "--ignore-submodules=none", old.hex], setting)
        try refuse(staged.filter { changed.contains(PathBytes($0)) }, "changes of yours are staged there", "git commit   # or: git stash")
        // Only times in the copy change; an error is about files that differ, which are listed next.
        _ = try host.attempt(["update-index", "-q", "--ignore-submodules", "--refresh"], setting)
        let edited = try names(["diff-files", "--name-only", "-z", "--no-renames", "--ignore-submodules=all"], setting)
        try refuse(
            edited.filter { changed.contains(PathBytes($0)) }, "changes of yours are there, not committed",
            "git commit -a   # or: git stash")
    }

    private func names(_ arguments: [String], _ setting: HostGit.Setting) throws -> [String] {
        try host.run(arguments, setting).split(separator: 0).map { String(osBytes: $0) }
    }

    private func refuse(_ paths: [String], _ why: String, _ next: String) throws {
        guard !paths.isEmpty else { return }
        let shown = paths.prefix(20).map { "\n  " + $0.printable }.joined() + (paths.count > 20 ? "\n  … and \(paths.count - 20) more" : "")
        throw CoopError(
            .failed, what,
            "\(paths.count == 1 ? "one file of the merge is" : "\(paths.count) files of the merge are") in the way, since \(why):\(shown)",
            next: next == "mv"
                ? "move them away, then: coop task merge \(goal.task.name)" : "\(next)   (in \(host.repository.workTree.printable))")
    }
}
