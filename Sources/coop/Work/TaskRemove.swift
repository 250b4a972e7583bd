import ArgumentParser
import CoopErrors
import LinuxKernel
import Tasks
import Vault
import Workspaces

struct TaskRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove a task: its working tree, and its branch.",
        discussion: """
            What would be lost is not removed: changes that are not committed, commits that are in no other branch. Files that git
            ignores go.

            Examples:
              coop task rm fix-login
              coop task rm --keep-branch fix-login
              coop task rm --force spike
            """)

    @Flag(help: "Remove it with what is not committed and not merged.") var force = false
    @Flag(help: "Leave its branch.") var keepBranch = false
    @Flag(help: "Print JSON.") var json = false

    @Argument(help: ArgumentHelp("The task: its name, or the beginning of one.", valueName: "NAME"), completion: NameCompletion.tasks)
    var name: String

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let tasks = try ProjectTasks(context: context)
        let journals = ProjectTasks.journals(context)
        try context.home.prepare(journals)
        let worktrees = TaskWorktree(repository: tasks.repository, store: tasks.store, journals: journals)
        let damaged = try tasks.store.damaged().first { $0.name.text == name }
        let found = try force ? damaged?.name ?? tasks.store.find(name).name : tasks.store.find(name).name
        if let session = try tasks.store.session(of: found) {
            throw CoopError(
                .notReady, "cannot remove the task \(found)", "the session \(session.printable) works in it",
                next: "coop stop \(session.printable)")
        }
        let session = try TaskLock.session(of: found, in: tasks.store, holder: nil)
        let change = try TaskLock.change(of: found, in: tasks.store)
        defer { withExtendedLifetime((session, change)) {} }
        // It may have gone while another command had the lock.
        let record = try damaged == nil ? tasks.store.find(found.text) : worktrees.rebuild(found)
        let tip = try tasks.repository.tip(of: record)
        if !force { try refuseLoss(record, tasks) }
        // Nobody knows any more what a damaged one's branch was made from.
        let keepBranch = keepBranch || damaged != nil
        try worktrees.remove(record, tip: keepBranch ? nil : tip)
        let keeps = keepBranch && tip != nil
        if json {
            var members: [JSONValue.Member] = [.init("version", .number("1")), .init("removed", .string(record.name.text))]
            if let tip { members.append(.init("tip", .string(tip.hex))) }
            members.append(.init("keptBranch", keeps ? .string(record.name.branch) : .null))
            print(JSONValue.object(members).text(indented: true))
        } else {
            let was = tip.map { " (was \($0.hex.prefix(10)))" } ?? ""
            print(keeps ? "Removed \(record.name); the branch \(record.name.branch) stays." : "Removed \(record.name)\(was).")
        }
    }

    private func refuseLoss(_ record: TaskRecord, _ tasks: ProjectTasks) throws {
        let what = "cannot remove the task \(record.name)"
        if try describing(what, { try FileSystem.kindIfPresent(record.tree, followLinks: false) }) != nil {
            let changed = try tasks.repository.changedFiles(of: record)
            if let first = changed.first {
                let more = changed.count > 1 ? " and \(changed.count - 1) more" : ""
                throw CoopError(
                    .failed, what, "\(first.path.printable)\(more) would be lost: not committed",
                    next: "git -C \"$(coop task path \(record.name))\" status   # or: coop task rm --force \(record.name)")
            }
        }
        let unmerged = try tasks.repository.unmergedCommits(of: record, withBranch: !keepBranch)
        if unmerged > 0, try keepBranch || !tasks.repository.isMergedByHand(record) {
            let into = record.baseBranch == nil ? " --into BRANCH" : ""
            throw CoopError(
                .failed, what, "\(unmerged) \(unmerged == 1 ? "commit" : "commits") would be lost: in no other branch",
                next: "coop task merge \(record.name)\(into)   # or: coop task rm --keep-branch \(record.name), or --force")
        }
    }
}
