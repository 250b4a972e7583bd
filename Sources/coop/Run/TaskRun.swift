import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Tasks
import Workspaces

/// The task that a run works in.
struct TaskRun {
    let record: TaskRecord
    let repository: TaskRepository
    /// Held as long as the session lives; nil where nothing is run.
    private let lock: TaskLock?

    /// The name of the task that was asked for; nil for a run in the user's own tree.
    static func name(_ options: RunOptions, _ configuration: Configuration) throws(CoopError) -> TaskName? {
        if let text = options.task {
            if let mode = options.workspace, mode != WorkspaceMode.worktree.rawValue {
                throw CoopError(
                    .usage, "cannot use both --task and --workspace \(mode.printable)", "a task has a working tree of its own",
                    next: "coop run --task \(text.shellQuoted) -- COMMAND")
            }
            return try TaskName(text)
        }
        guard options.base == nil else {
            throw CoopError(.usage, "cannot use --base", "it says what a task is made from", next: "coop run --task NAME --base BRANCH …")
        }
        guard let mode = configuration.sandbox.workspace, mode.value == .worktree else { return nil }
        // A tree for every run that nobody named would be left to nobody.
        guard let name = options.name else {
            throw CoopError(
                .usage, "cannot tell which task to work in", "the workspace mode is worktree (\(mode.origin))",
                next: "coop run --task NAME -- COMMAND")
        }
        return try TaskName(name)
    }

    /// Opens the task, and makes it where there is none yet.
    ///
    /// - Parameter session: the id of the session that is about to work in it.
    static func begin(_ name: TaskName, session: String, options: RunOptions, context: Context) throws -> TaskRun {
        let tasks = try ProjectTasks(context: context)
        try context.home.prepare(tasks.store.directory)
        let journals = ProjectTasks.journals(context)
        try context.home.prepare(journals)
        let lock = try TaskLock.session(of: name, in: tasks.store, holder: session)
        let change = try TaskLock.change(of: name, in: tasks.store)
        defer { withExtendedLifetime(change) {} }
        let worktrees = TaskWorktree(repository: tasks.repository, store: tasks.store, journals: journals)
        if let record = try tasks.store.task(name) {
            try refuseOtherBase(record, options.base, tasks)
            try worktrees.repair(record)
            return TaskRun(record: try withPorts(record, tasks), repository: tasks.repository, lock: lock)
        }
        let base = try tasks.repository.base(options.base)
        let made = try worktrees.create(name, base: base, mayContinue: options.base == nil, now: Int64(time(nil)))
        let origin = base.branch.map(TaskRepository.short) ?? String(base.commit.hex.prefix(10))
        let how = made.continues ? "goes on with the branch \(name.branch)" : "branch \(name.branch), from \(origin)"
        FileHandleOutput.standardError(
            "coop: task \(name): \(how.printable), in \(context.home.abbreviated(made.record.tree).printable)\n")
        return TaskRun(record: try withPorts(made.record, tasks), repository: tasks.repository, lock: lock)
    }

    /// Gives the task ports of its own, once.
    private static func withPorts(_ record: TaskRecord, _ tasks: ProjectTasks) throws(CoopError) -> TaskRecord {
        guard record.portOffset == nil else { return record }
        var record = record
        try ProjectRegistry(home: tasks.context.home).givePortOffset(to: record.tree) { offset throws(CoopError) in
            record.portOffset = offset
            try tasks.store.update(record)
        }
        return record
    }

    /// The same for one that is only looked at. Nothing is made.
    static func describe(_ name: TaskName, context: Context) throws -> TaskRun {
        let tasks = try ProjectTasks(context: context)
        guard let record = try tasks.store.task(name) else {
            throw CoopError(
                .notFound, "cannot explain a run in the task \(name)", "the task does not exist yet",
                next: "coop run --task \(name) -- true   # makes it")
        }
        return TaskRun(record: record, repository: tasks.repository, lock: nil)
    }

    private static func refuseOtherBase(_ record: TaskRecord, _ text: String?, _ tasks: ProjectTasks) throws {
        guard let text else { return }
        let base = try tasks.repository.base(text)
        if base.branch != nil ? base.branch == record.baseBranch : base.commit == record.baseCommit { return }
        let was = record.baseBranch.map(TaskRepository.short) ?? String(record.baseCommit.hex.prefix(10))
        throw CoopError(
            .usage, "cannot begin the task \(record.name) at \(text.printable)", "it exists, and was made from \(was.printable)",
            next: "coop run --task \(record.name) …   # goes on with it; or choose another name")
    }

    /// What git's part of the sandbox is made from.
    var worktree: GitRepository { repository.worktree(of: record) }

    /// The project's root in the task's tree.
    var root: String { repository.prefix.isEmpty ? record.tree : FileSystem.join(record.tree, repository.prefix) }

    /// The place in the task's tree that a place of the user's own corresponds to; paths elsewhere are what they are.
    func counterpart(of path: String) -> String {
        guard let relative = FileSystem.relative(path, to: repository.repository.workTree) else { return path }
        return relative.isEmpty ? record.tree : FileSystem.join(record.tree, relative)
    }

    /// A search path with the user's own tree replaced by the task's.
    func searched(_ path: String) -> String {
        path.split(separator: ":", omittingEmptySubsequences: false).map { counterpart(of: String($0)) }.joined(separator: ":")
    }
}
