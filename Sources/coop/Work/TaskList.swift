import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Tasks
import Vault
import Workspaces

struct TaskList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the tasks of this project: branch, state, session, commits and changed files.",
        discussion: """
            STATE is running (a session works in it), changed (files are not committed), ahead (commits are not in the base), merged, new,
            or damaged. AHEAD and BEHIND count commits against the branch that the task was made from.

            Examples:
              coop task list
              coop task list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let tasks = try ProjectTasks(context: context)
        let entries = try tasks.store.all().map { try TaskEntry($0, of: tasks) }
        let damaged = try tasks.store.damaged()
        let kept = try ProjectCommits(context: context, project: tasks.project.key).all.map(\.session)
        if json {
            let listing = JSONValue.object([
                .init("version", .number("1")), .init("keptCommits", .array(kept.map { .string($0) })),
                .init("tasks", .array(entries.map(\.json) + damaged.map { json($0.name, $0.error, tasks) })),
            ])
            print(listing.text(indented: true))
            return
        }
        var rows = [["NAME", "STATE", "SESSION", "BASE", "AHEAD", "BEHIND", "FILES", "AGE", "PATH"]]
        let now = Int64(time(nil))
        for entry in entries {
            rows.append([
                entry.record.name.text, entry.state.rawValue, entry.session ?? "-", entry.base.printable,
                entry.ahead.map { "\($0)" } ?? "-", entry.behind.map { "\($0)" } ?? "-", "\(entry.changed.count)",
                Age.text(seconds: max(0, now - entry.record.created)), context.home.abbreviated(entry.record.tree).printable,
            ])
        }
        for task in damaged {
            let place = context.home.abbreviated(tasks.store.directory(of: task.name)).printable
            rows.append([task.name.text, TaskEntry.State.damaged.rawValue] + Array(repeating: "-", count: 6) + [place])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
        try tasks.tellDamaged()
        if !kept.isEmpty {
            FileHandleOutput.standardError(
                "coop: commits of \(kept.joined(separator: ", ")) have not arrived in the repository\nNext: coop commits list\n")
        }
    }

    private func json(_ name: TaskName, _ error: CoopError, _ tasks: ProjectTasks) -> JSONValue {
        .object([
            .init("branch", .string(name.branch)), .init("damage", .string(error.message)), .init("name", .string(name.text)),
            .init("path", .string(tasks.store.directory(of: name))), .init("state", .string(TaskEntry.State.damaged.rawValue)),
        ])
    }
}
