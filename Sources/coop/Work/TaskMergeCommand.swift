import ArgumentParser
import CoopErrors
import LinuxKernel
import Review
import Tasks
import Workspaces

struct TaskMergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Merge a task's branch into the branch that it was made from.",
        discussion: """
            What is committed is merged, as git would. Where both sides changed the same lines, nothing is changed, the files are listed, and
            the code is 1. What the host would execute or trust is asked about first.

            Examples:
              coop task merge fix-login
              coop task merge fix-login --squash
              coop task merge fix-login --rebase --into develop
              coop task merge fix-login --yes --accept package.json
            """)

    @Argument(help: ArgumentHelp("The task: its name, or the beginning of one.", valueName: "NAME"), completion: NameCompletion.tasks)
    var name: String
    @Flag(help: "Make one commit of everything.") var squash = false
    @Flag(help: "Put the commits one by one onto the branch, without a merge commit.") var rebase = false
    @Option(help: ArgumentHelp("The branch to merge into, instead of the one that the task was made from.", valueName: "BRANCH"))
    var into: String?
    @Option(
        help: ArgumentHelp(
            "Accept what the host would execute or trust at these paths; `*`, `**` and `?` stand for anything.", valueName: "PATTERN"))
    var accept: [String] = []
    @Flag(help: "Do not ask whether to merge.") var yes = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        if squash && rebase { throw ValidationError("--squash and --rebase cannot be used together") }
    }

    private var method: MergeMethod { squash ? .squash : rebase ? .rebase : .merge }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let tasks = try ProjectTasks(context: context)
        let record = try tasks.store.find(name)
        let lock = try TaskLock.change(of: record.name, in: tasks.store)
        let turn = try TaskLock.merge(of: record.name, in: tasks.store) {
            FileHandleOutput.standardError("coop: waiting for another merge of this project\n")
        }
        defer { withExtendedLifetime((lock, turn)) {} }
        let merge = try PendingMerge(tasks: tasks, record: record, into: into)
        var report = try merge.report(method)
        for note in report.notes where !json { FileHandleOutput.standardError("coop: \(note)\n") }
        switch try merge.compute(method) {
        case .nothing(let why):
            report.reason = why
            return try finish(report, "Nothing to merge: \(why.printable).")
        case .conflicts(let paths, let commit):
            try conflict(report, paths, commit, merge)
        case .done(let merged):
            try land(merged, merge, report, context)
        }
    }

    private func land(_ merged: MergedCommit, _ merge: PendingMerge, _ report: MergeReport, _ context: Context) throws {
        let landing = try merge.landing(merged, method, context)
        let changes = try landing.changes()
        try landing.check()
        var report = report
        report.describe(merged, changes)
        let command = "coop task merge \(merge.record.name)" + (squash ? " --squash" : rebase ? " --rebase" : "")
        let root = merge.checkout?.workTree ?? merge.tasks.repository.repository.workTree
        let consent = try LandingConsent(
            context: context, subject: .task(merge.record.name.text), root: root, accept: accept, allowsPart: false, isJSON: json,
            command: command)
        _ = try consent.ask(about: changes)
        let count = merged.commits == 1 ? "1 commit" : "\(merged.commits) commits"
        let files = changes.count == 1 ? "1 file" : "\(changes.count) files"
        if !yes, !json, Terminal.canAsk {
            let where_ = merge.checkout.map { " (\(context.home.abbreviated($0.workTree).printable))" } ?? ""
            guard Terminal.confirm("Merge \(count), \(files), into \(report.into.printable)\(where_)?", standard: true) else {
                throw CoopError(
                    .refused, "nothing was changed", "you said no", next: "git diff \(report.into.printable)...\(report.branch)")
            }
        }
        try landing.land()
        report.result = "merged"
        let way =
            merged.isFastForward ? "it moved forward" : method == .merge ? "a merge commit" : method == .squash ? "one commit" : "rebased"
        try finish(report, "Merged \(count), \(files), of \(merge.record.name) into \(report.into.printable): \(way).")
    }

    private func conflict(_ report: MergeReport, _ paths: [String], _ commit: ObjectID?, _ merge: PendingMerge) throws {
        var report = report
        report.result = "conflicts"
        report.conflicts = paths
        let error = CoopError(
            .failed, "cannot merge \(merge.record.name) into \(report.into.printable)",
            "\(paths.count == 1 ? "1 file conflicts" : "\(paths.count) files conflict")\(commit.map { " at the commit \($0.hex.prefix(10))" } ?? "")"
                + ", and nothing was changed:" + paths.map { "\n  \($0.printable)" }.joined(),
            // A shell: a merge that is not finished when its session ends is gone.
            next: "coop shell --task \(merge.record.name)   # there: git merge \(report.into.shellQuoted), solve, commit; then merge again")
        guard json else { throw error }
        print(try JSONText.encode(report))
        FileHandleOutput.standardError("coop: \(error.message.printableLines)\nNext: \(error.next ?? "")\n")
        throw ProcessResult(code: 1)
    }

    private func finish(_ report: MergeReport, _ text: String) throws {
        if json { print(try JSONText.encode(report)) } else { print(text) }
    }
}
