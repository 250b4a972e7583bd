import ArgumentParser
import CoopErrors
import LinuxKernel
import Tasks
import Workspaces

struct TaskDivergenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "divergence", abstract: "Show how far tasks are from their bases, and which tasks changed the same files.",
        discussion: """
            What counts is what is committed. A file that more than one task changed may conflict when both are merged.

            Examples:
              coop task divergence
              coop task divergence fix-login --json
            """)

    @Argument(
        help: ArgumentHelp("Tasks: their names, or the beginning of one; without, all.", valueName: "NAME"),
        completion: NameCompletion.tasks)
    var names: [String] = []
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        struct File: Encodable {
            var path: String
            var status: String
        }
        struct Task: Encodable {
            var name: String
            var branch: String
            var base: String
            var ahead: Int
            var behind: Int
            var files: [File]
        }
        struct Overlap: Encodable {
            var path: String
            var tasks: [String]
        }
        var version = 1
        var tasks: [Task]
        var overlaps: [Overlap]
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let tasks = try ProjectTasks(context: context)
        var records = try tasks.store.all()
        try tasks.tellDamaged()
        if !names.isEmpty {
            // Those that are named, and for each what others have in common with it.
            let named = try names.map { try tasks.store.find($0).name }
            records.sort { named.contains($0.name) && !named.contains($1.name) }
        }
        let wanted = try Set(names.map { try tasks.store.find($0).name.text })
        let references = try tasks.repository.references().refs
        let place = try context.merges.begin()
        // Its directory goes with it.
        defer { withExtendedLifetime(place) {} }
        let git = try tasks.isolatedGit(in: place, head: nil)
        let all = try records.compactMap { record -> TaskDivergence? in
            guard let tip = references[record.name.reference] else { return nil }
            return try TaskDivergence(
                task: record.name.text, branch: record.name.branch, tip: tip,
                base: record.baseBranch.map(TaskRepository.short) ?? String(record.baseCommit.hex.prefix(10)),
                baseTip: record.baseBranch.flatMap { references[$0] } ?? record.baseCommit, git: git)
        }
        let divergence = Divergence(all)
        let shown = divergence.tasks.filter { wanted.isEmpty || wanted.contains($0.task) }
        let overlaps = divergence.overlaps.filter { wanted.isEmpty || !wanted.isDisjoint(with: $0.tasks) }
        if json {
            let report = Report(
                tasks: shown.map { task in
                    Report.Task(
                        name: task.task, branch: task.branch, base: task.base, ahead: task.ahead, behind: task.behind,
                        files: task.files.map { Report.File(path: $0.path, status: $0.status) })
                }, overlaps: overlaps.map { Report.Overlap(path: $0.path, tasks: $0.tasks) })
            print(try JSONText.encode(report))
            return
        }
        FileHandleOutput.standardOutput(text(shown, overlaps))
    }

    private func text(_ tasks: [TaskDivergence], _ overlaps: [Divergence.Overlap]) -> String {
        if tasks.isEmpty { return "This project has no tasks.\n" }
        var lines: [String] = []
        for task in tasks {
            lines.append("\(task.task): \(task.ahead) ahead of \(task.base.printable), \(task.behind) behind")
            lines += task.files.map { "  \($0.status) \($0.path.printable)" }
        }
        if !overlaps.isEmpty {
            lines.append("Changed by more than one task:")
            lines += overlaps.map { "  \($0.path.printable): \($0.tasks.joined(separator: ", "))" }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
