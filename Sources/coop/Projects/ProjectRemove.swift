import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects
import Tasks

struct ProjectRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget a project: everything that coop keeps for it, never its own directory.",
        discussion: """
            Examples:
              coop project rm shop
              coop project rm --yes ~/old/shop
            """)

    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("A name, an id, or a path.", valueName: "NAME"), completion: NameCompletion.projects) var name: String

    private struct Report: Encodable {
        var version = 1
        var removed: ProjectSummary
        var contents: ProjectContents
    }

    func run() throws {
        let context = try Context()
        let registry = ProjectRegistry(home: context.home)
        let record = try registry.named(name, context)
        let live = LiveProject(context: context, record: record)
        let what = "cannot forget the project `\(record.title.printable)`"
        try live.refuse(what)
        // What a killed sandbox has left may hold commits that have not arrived yet.
        try Sweep(context: context).run()
        let store = TaskStore(directory: context.home.directory(.tasks, of: record.key))
        let tasks = try store.all().map(\.name) + store.damaged().map(\.name)
        if let first = tasks.first {
            // Their branches are the repository's own; their trees may hold work that is nowhere else.
            throw CoopError(
                .notReady, what, tasks.count == 1 ? "it has the task \(first)" : "it has \(tasks.count) tasks",
                next: "coop task list   # then, for each: coop task rm NAME")
        }
        try refuseKeptCommits(record, context, what)
        for session in try SessionStore(context: context).all() where session.project == record.key.text {
            guard try session.overlay()?.hasChanges() ?? false else { continue }
            throw CoopError(
                .notReady, what, "its session \(session.id.printable) holds changes that were not applied",
                next: "coop diff \(session.id.printable)   # then coop apply or coop discard")
        }
        let contents = ProjectContents(context: context, key: record.key)
        let list = contents.lines.map { "\n  \($0)" }.joined()
        let place = context.home.abbreviated(record.path).printable
        if !yes {
            let goes = list.isEmpty ? "Only its record goes." : "This goes:\(list)"
            FileHandleOutput.standardError("\(record.title.printable), at \(place)\n\(goes)\nThe directory itself stays.\n")
            guard Terminal.canAsk else {
                throw CoopError(
                    .refused, what, "there is nobody to ask whether it may go", next: "coop project rm --yes \(name.shellQuoted)")
            }
            guard Terminal.confirm("Forget it?") else {
                throw CoopError(.refused, what, "you said no", next: "coop project info \(name.shellQuoted)")
            }
        }
        // What waited for the directory to be there again waits no longer.
        try Sweep(context: context).run(givingUp: record.key.text)
        try refuseKeptCommits(record, context, what)
        if contents.approvals { try RecordedTrust(home: context.home).forget(Project(at: record.path)) }
        try registry.remove(record) { () throws(CoopError) in try live.refuse(what) }
        if json {
            print(try JSONText.encode(Report(removed: ProjectSummary(record), contents: contents)))
        } else {
            print("Forgot \(record.title.printable); \(place) is as it was.")
        }
    }

    private func refuseKeptCommits(_ record: ProjectRecord, _ context: Context, _ what: String) throws {
        let kept = try ProjectCommits(context: context, project: record.key).all
        if let first = kept.first {
            let isThere = FileSystem.kind(record.path) != nil
            throw CoopError(
                .notReady, what,
                "commits of \(kept.count == 1 ? "the session \(first.session)" : "\(kept.count) sessions") have not arrived",
                next: "\(isThere ? "" : "mkdir -p \(record.path.shellQuoted) && ")cd \(record.path.shellQuoted) && coop commits list   "
                    + "# then, for each: coop commits bundle or coop commits rm ID")
        }
    }
}
