import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// Makes and removes the working trees of tasks: what `git worktree add` and `git worktree remove` would, without running anything that
/// the repository's configuration, hooks or attributes name.
///
/// Either is journaled: killed at any point, the next command finishes what was begun, and nothing half-made stays.
public struct TaskWorktree {
    let repository: TaskRepository
    let store: TaskStore
    /// `$COOP_HOME/state/tasks`.
    let journals: String

    /// - Parameter journals: a directory of coop's own, which must exist, as must the store's.
    public init(repository: TaskRepository, store: TaskStore, journals: String) {
        self.repository = repository
        self.store = store
        self.journals = journals
    }

    // MARK: - Making

    /// Makes a task.
    ///
    /// - Parameters:
    ///   - base: from ``TaskRepository/base(_:)``.
    ///   - mayContinue: whether a branch of the task's name that is there already is gone on with.
    ///   - now: seconds since 1970.
    public func create(
        _ name: TaskName, base: (branch: String?, commit: ObjectID), mayContinue: Bool, now: Int64
    ) throws -> (record: TaskRecord, continues: Bool) {
        let what = "cannot make the task \(name)"
        return try describing(what) {
            let start = try self.start(name, base, mayContinue)
            let top = repository.repository.workTree
            let leaf = FileSystem.lastComponent(of: top)
            let worktree = "coop-\(name)-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
            let record = TaskRecord(
                name: name, directory: store.directory(of: name), leaf: leaf.isEmpty || leaf == TaskRecord.fileName ? "tree" : leaf,
                worktree: worktree, baseBranch: base.branch, baseCommit: start.base, created: now)
            let journal = try TaskJournal.begin(
                TaskJournal.Entry(
                    kind: .create, name: name, store: store.directory, workTree: top,
                    commonDirectory: repository.repository.commonDirectory, worktree: worktree,
                    tip: start.continues ? nil : start.commit.hex), in: journals)
            do {
                try make(record, at: start.commit, continues: start.continues)
            } catch {
                // What could not be made goes at once; what cannot be removed either, the next command tries again.
                if (try? TaskWorktree.undo(journal.entry, repository)) != nil { try? journal.end() }
                throw error
            }
            try FileSystem.removeFile(FileSystem.join(repository.gitDirectory(of: record), "locked"))
            try journal.end()
            return (record, start.continues)
        }
    }

    /// Where the branch begins, and whether it is there already.
    private func start(
        _ name: TaskName, _ base: (branch: String?, commit: ObjectID), _ mayContinue: Bool
    ) throws -> (commit: ObjectID, base: ObjectID, continues: Bool) {
        let what = "cannot make the task \(name)"
        let references = try repository.references().refs
        if let tip = references[name.reference] {
            guard mayContinue else {
                throw CoopError(
                    .usage, what, "the branch \(name.branch) exists, and --base would begin it anew",
                    next: "coop run --task \(name) …   # goes on with the branch; or: git branch -D \(name.branch)")
            }
            if let place = try checkedOut(name.reference) {
                throw CoopError(
                    .notReady, what, "the branch \(name.branch) is checked out in \(place.printable)",
                    next: "git worktree remove \(place.printable)   # or choose another name")
            }
            let common = try repository.mergeBase(tip, base.commit) ?? base.commit
            return (tip, common, true)
        }
        let others = references.keys.filter { $0.hasPrefix(name.reference + "/") || name.reference.hasPrefix($0 + "/") }
        if let other = others.sorted().first {
            throw CoopError(
                .usage, what, "the repository has \(TaskRepository.short(other).printable), which leaves no room for \(name.branch)",
                next: "git branch -m \(TaskRepository.short(other).printable) OTHER-NAME   # or choose another name")
        }
        if repository.ignoresCase, let other = references.keys.first(where: { $0.lowercased() == name.reference.lowercased() }) {
            throw CoopError(
                .usage, what, "the repository has \(TaskRepository.short(other).printable), which differs only in case",
                next: "choose another name")
        }
        return (base.commit, base.commit, false)
    }

    /// The worktree of the user's in which a branch is checked out.
    private func checkedOut(_ reference: String) throws -> String? {
        let common = repository.repository.commonDirectory
        let head = try FileBytes.contents(FileSystem.join(common, "HEAD"), limit: 4096).flatMap(RefSnapshot.parseHead)
        if head == .branch(reference) { return FileSystem.parent(of: common) }
        let all = FileSystem.join(common, "worktrees")
        for name in try FileSystem.kindIfPresent(all) == nil ? [] : try FileSystem.list(all) {
            let directory = FileSystem.join(all, name)
            let head = try FileBytes.contents(FileSystem.join(directory, "HEAD"), limit: 4096).flatMap(RefSnapshot.parseHead)
            guard head == .branch(reference) else { continue }
            let line = try FileBytes.contents(FileSystem.join(directory, "gitdir"), limit: 8192) ?? []
            let dotGit = String(osBytes: line.prefix { $0 != UInt8(ascii: "\n") })
            // One that is gone keeps nothing from being checked out; git itself forgets it when it prunes.
            if try FileSystem.kindIfPresent(dotGit, followLinks: false) != nil { return FileSystem.parent(of: dotGit) }
        }
        return nil
    }

    private func make(_ record: TaskRecord, at commit: ObjectID, continues: Bool) throws {
        let staging = TaskWorktree.staging(record.name, in: store.directory)
        let tree = FileSystem.join(staging, record.leaf)
        try FileSystem.removeTree(staging)
        try FileSystem.makeDirectories(staging)
        if tree.withOSBytes({ mkdir($0, 0o755) }) != 0 { throw SystemError("mkdir", tree) }
        let directory = repository.gitDirectory(of: record)
        try writeWorktree(record, in: directory, commit: commit)
        try write("gitdir: \(directory)\n", to: FileSystem.join(tree, ".git"))
        // What waits for the disk comes before the files: none of them has to be written for it.
        try FileSystem.replace(FileSystem.join(staging, TaskRecord.fileName), with: record.encoded)
        if !continues {
            _ = try repository.git.run(
                ["update-ref", "--create-reflog", "-m", "coop: task \(record.name)", record.name.reference, commit.hex, ""])
        }
        WriteStep.pass()
        let outcome = try repository.git(in: record).attempt(
            ["read-tree", "--reset", "-u", "--no-recurse-submodules", commit.hex],
            HostGit.Setting(
                workTree: tree, options: ["checkout.workers=0", "core.preloadIndex=true"],
                limits: HostProcess.Limits(output: 1 << 20, timeout: 7_200_000)))
        guard outcome.status.isSuccess else {
            // Git does not always say why a file could not be written.
            let isFull = TaskWorktree.isFull(tree) || TaskWorktree.isFull(directory)
            let why = complaint(outcome) + (isFull ? ": \(SystemError.text(for: ENOSPC))" : "")
            throw CoopError(
                .failed, "cannot make the task \(record.name)", why,
                next: isFull ? "df -h; df -i" : "git -C \(repository.repository.workTree.printable) fsck")
        }
        WriteStep.pass()
        try FileSystem.rename(staging, to: record.directory)
    }

    /// Whether a file system has no room for anything of size (statvfs(3)).
    private static func isFull(_ path: String) -> Bool {
        var found = statvfs()
        guard path.withOSBytes({ statvfs($0, &found) }) == 0 else { return false }
        return UInt64(found.f_bavail) * UInt64(found.f_frsize) < 1 << 20 || (found.f_files > 0 && found.f_favail == 0)
    }

    /// Git's own record of the worktree (gitrepository-layout(5), `worktrees`).
    private func writeWorktree(_ record: TaskRecord, in directory: String, commit: ObjectID) throws {
        let source = repository.repository
        let settings = try repository.worktreeSettings()
        try FileSystem.makeDirectories(FileSystem.parent(of: directory), mode: 0o755)
        if directory.withOSBytes({ mkdir($0, 0o755) }) != 0 { throw SystemError("mkdir", directory) }
        WriteStep.pass()
        // Git prunes what names a directory that is not there, unless it is locked.
        try write("coop makes the task \(record.name)\n", to: FileSystem.join(directory, "locked"))
        try write(FileSystem.join(record.tree, ".git") + "\n", to: FileSystem.join(directory, "gitdir"))
        try write("../..\n", to: FileSystem.join(directory, "commondir"))
        if settings.usesFiles {
            try write("ref: \(record.name.reference)\n", to: FileSystem.join(directory, "HEAD"))
        } else {
            // What git's own initialisation of such a worktree leaves (reftable); it fills in HEAD below.
            try write("ref: refs/heads/.invalid\n", to: FileSystem.join(directory, "HEAD"))
            for name in ["reftable", "refs"] { try FileSystem.makeDirectories(FileSystem.join(directory, name), mode: 0o755) }
            try write("this repository uses the reftable format\n", to: FileSystem.join(directory, "refs/heads"))
        }
        let sparse = FileSystem.join(source.gitDirectory, "info/sparse-checkout")
        if settings.isSparse, let bytes = try FileBytes.contents(sparse, limit: 64 << 20) {
            try FileSystem.makeDirectories(FileSystem.join(directory, "info"), mode: 0o755)
            try write(bytes, to: FileSystem.join(directory, "info/sparse-checkout"))
        }
        if let own = settings.worktreeConfiguration { try write(own, to: FileSystem.join(directory, "config.worktree")) }
        if !settings.usesFiles { _ = try repository.git(in: record).run(["symbolic-ref", "HEAD", record.name.reference]) }
    }

    private func write(_ text: String, to path: String) throws(SystemError) { try write(text.osBytes, to: path) }

    private func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644).writeAll(bytes, subject: path)
    }

    static func staging(_ name: TaskName, in store: String) -> String { FileSystem.join(store, ".\(name).new") }
    static func trash(_ name: TaskName, in store: String) -> String { FileSystem.join(store, ".\(name).old") }

    // MARK: - Keeping

    /// Lets tree and repository find each other again after one of them has moved, and puts back what a sandbox could have put in the
    /// place of the file `.git`.
    ///
    /// - Throws: `CoopError` of kind `failed` when the tree or git's record of it is gone.
    public func repair(_ record: TaskRecord) throws {
        let what = "cannot use the task \(record.name)"
        let directory = repository.gitDirectory(of: record)
        guard try describing(what, { try FileSystem.kindIfPresent(record.tree, followLinks: false) }) == .directory else {
            throw CoopError(
                .failed, what, "its working tree \(record.tree.printable) is gone", next: "coop task rm --force \(record.name)")
        }
        let head = FileSystem.join(directory, "HEAD")
        guard try describing(what, { try FileSystem.kindIfPresent(head, followLinks: false) }) == .file else {
            throw CoopError(
                .failed, what, "git has forgotten its worktree (\(directory.printable))",
                next: "coop task rm --force \(record.name)   # its branch stays with --keep-branch")
        }
        try describing(what) {
            let dotGit = FileSystem.join(record.tree, ".git")
            let back = FileSystem.join(directory, "gitdir")
            if try FileBytes.contents(back, limit: 8192) != (dotGit + "\n").osBytes {
                try FileSystem.replace(back, with: (dotGit + "\n").osBytes, mode: 0o644)
            }
            let pointer = "gitdir: \(directory)\n".osBytes
            let isPlain = try FileSystem.kindIfPresent(dotGit, followLinks: false) == .file
            if isPlain, try FileBytes.contents(dotGit, limit: 8192) == pointer { return }
            if !isPlain { try FileSystem.removeTree(dotGit) }
            try FileSystem.replace(dotGit, with: pointer, mode: 0o644)
        }
    }

    /// A record for a task whose own is damaged, good for removing it: git remembers where the tree is. Kept in the place of the damaged one.
    public func rebuild(_ name: TaskName) throws -> TaskRecord {
        let what = "cannot repair the record of the task \(name)"
        return try describing(what) {
            let references = try repository.references()
            guard let commit = references.refs[name.reference] ?? references.headCommit else {
                throw CoopError(.failed, what, "the repository has no commits", next: "ls -la \(store.directory(of: name).printable)")
            }
            var record = TaskRecord(
                name: name, directory: store.directory(of: name), leaf: "tree", worktree: "coop-\(name)-gone", baseBranch: nil,
                baseCommit: commit, created: 0)
            let all = FileSystem.join(repository.repository.commonDirectory, "worktrees")
            for worktree in try FileSystem.kindIfPresent(all) == nil ? [] : try FileSystem.list(all) where worktree.hasPrefix("coop-") {
                let line = try FileBytes.contents(FileSystem.join(FileSystem.join(all, worktree), "gitdir"), limit: 8192) ?? []
                let tree = FileSystem.parent(of: String(osBytes: line.prefix { $0 != UInt8(ascii: "\n") }))
                guard FileSystem.parent(of: tree) == record.directory else { continue }
                (record.worktree, record.leaf) = (worktree, FileSystem.lastComponent(of: tree))
            }
            try record.write()
            return record
        }
    }

    // MARK: - Removing

    /// Removes a task with its tree, and its branch unless that is to stay. Whether anything is lost was looked at before.
    ///
    /// - Parameter tip: where the branch must still be; nil to keep it.
    public func remove(_ record: TaskRecord, tip: ObjectID?) throws {
        try describing("cannot remove the task \(record.name)") {
            let journal = try TaskJournal.begin(
                TaskJournal.Entry(
                    kind: .remove, name: record.name, store: store.directory, workTree: repository.repository.workTree,
                    commonDirectory: repository.repository.commonDirectory, worktree: record.worktree, tip: tip?.hex), in: journals)
            let trash = TaskWorktree.trash(record.name, in: store.directory)
            try FileSystem.removeTree(trash)
            try FileSystem.rename(record.directory, to: trash)
            try TaskWorktree.finishRemoval(journal.entry, repository)
            try journal.end()
        }
    }

    // MARK: - Finishing what a killed command began

    /// Finishes what killed commands have left in the journal. With nothing to do it lists one directory.
    ///
    /// - Parameters:
    ///   - journals: `$COOP_HOME/state/tasks`.
    ///   - open: finds the repository of a working tree.
    public static func recover(journals: String, open: (_ workTree: String) throws -> TaskRepository?) throws {
        for journal in try describing("cannot look for unfinished tasks", { try TaskJournal.leftovers(in: journals) }) {
            let entry = journal.entry
            try describing("cannot finish with the task \(entry.name)") {
                // The lock goes with the journal: whoever waits for the task sees it finished.
                let lock = try TaskLock.change(of: entry.name, in: TaskStore(directory: entry.store))
                defer { withExtendedLifetime(lock) {} }
                let repository = try FileSystem.kindIfPresent(entry.workTree) == nil ? nil : open(entry.workTree)
                let directory = FileSystem.join(entry.store, entry.name.text)
                switch entry.kind {
                case .create:
                    if try TaskRecord.read(directory: directory)?.worktree == entry.worktree {
                        try FileSystem.removeFile(FileSystem.join(worktreeDirectory(entry), "locked"))
                    } else {
                        try undo(entry, repository)
                    }
                case .remove:
                    // Killed before the one step that counts, nothing was done.
                    if try TaskRecord.read(directory: directory)?.worktree != entry.worktree { try finishRemoval(entry, repository) }
                }
                try journal.end()
            }
        }
    }

    private static func worktreeDirectory(_ entry: TaskJournal.Entry) -> String {
        FileSystem.join(FileSystem.join(entry.commonDirectory, "worktrees"), entry.worktree)
    }

    /// Takes away everything that making a task has made.
    private static func undo(_ entry: TaskJournal.Entry, _ repository: TaskRepository?) throws {
        try FileSystem.removeTree(staging(entry.name, in: entry.store))
        try deleteBranch(entry, repository)
        try removeWorktree(entry, repository)
    }

    private static func finishRemoval(_ entry: TaskJournal.Entry, _ repository: TaskRepository?) throws {
        WriteStep.pass()
        try removeWorktree(entry, repository)
        WriteStep.pass()
        try deleteBranch(entry, repository)
        WriteStep.pass()
        try FileSystem.removeTree(trash(entry.name, in: entry.store))
        WriteStep.pass()
    }

    /// Deletes the branch if it is still where it was, and no task of the same name has been made on it meanwhile.
    private static func deleteBranch(_ entry: TaskJournal.Entry, _ repository: TaskRepository?) throws {
        guard try FileSystem.kindIfPresent(FileSystem.join(entry.store, entry.name.text), followLinks: false) == nil, let repository,
            let tip = entry.tip.flatMap({ ObjectID($0) }),
            try repository.references().refs[entry.name.reference] == tip
        else { return }
        _ = try repository.git.run(["update-ref", "-d", entry.name.reference, tip.hex])
    }

    /// The name was made for this task alone.
    private static func removeWorktree(_ entry: TaskJournal.Entry, _ repository: TaskRepository?) throws(SystemError) {
        if let repository { try repository.removeView(ofWorktree: worktreeDirectory(entry)) }
        try FileSystem.removeTree(worktreeDirectory(entry))
        // As git does when the last one goes; it is not empty otherwise.
        _ = FileSystem.parent(of: worktreeDirectory(entry)).withOSBytes { rmdir($0) }
    }
}
