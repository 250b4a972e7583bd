import ArgumentParser
import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Review

struct UndoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take back what `coop apply` put into your tree.",
        discussion: """
            What you have changed since stays: it is brought together with what was there before, or the undo is refused.

            Examples:
              coop undo                         the last apply in this project's tree
              coop undo fix-auth                the last one of this session
              coop undo --redo                  take the last undo back
            """)

    @Flag(help: "Take the last undo back instead.") var redo = false
    @Flag(help: "Only say what would be done.") var dryRun = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(
        help: ArgumentHelp("A session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String?

    private struct Report: Encodable {
        var version = 1
        var session: String
        var isDryRun: Bool
        var changes: [LandingText.Item]
        var conflicts: [LandingText.Conflict]
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let project = try context.project()
        let store = SessionStore(context: context)
        let record = try find(in: context.landings, root: project.root, store: store)
        let subject = record.note.subject
        let what = redo ? "cannot redo the changes of \(subject.printable)" : "cannot undo the changes of \(subject.printable)"
        let planner = try LandingPlanner(root: record.root) { change, now in record.holds(change.path, now) ?? false }
        let plan = try planner.plan(try record.reversed())
        let text = LandingText(plan: plan)
        if !dryRun {
            guard plan.conflicts.isEmpty else { throw text.refusal(what, next: "git diff   # or move your edits out of the way") }
            let note = LandingNote(kind: redo ? .apply : .undo, subject: subject)
            // Where the tree is already as it was, an undo was cut off after it; the rest is done now.
            if !plan.edits.isEmpty { try TreeTransaction(root: record.root, store: context.landings, note: note, edits: plan.edits).run() }
            try offerAgain(record, store)
            try context.landings.forget(record)
        }
        if json {
            let report = Report(session: subject, isDryRun: dryRun, changes: text.items, conflicts: text.conflicts)
            print(try JSONText.encode(report))
        } else {
            let style = TextStyle.ofStandardOutput()
            for line in text.lines(style: style) { print(line) }
            for conflict in plan.conflicts where dryRun { print("\(style(.red, "C")) \(conflict.path.printable): \(conflict.reason)") }
            if !dryRun { print(redo ? "Redone." : "Taken back. To bring it back: coop undo --redo") }
        }
        if dryRun && !plan.conflicts.isEmpty { throw ProcessResult(code: 1) }
    }

    private func find(in landings: LandingStore, root: String, store: SessionStore) throws -> LandingRecord {
        let kind: LandingNote.Kind = redo ? .undo : .apply
        // The session itself may be gone.
        let subject = id.map { text in (try? store.find(text))?.id ?? text }
        let records = try landings.records(root: root).filter { $0.note.kind == kind }
        if let found = records.first(where: { subject == nil || $0.note.subject == subject }) { return found }
        throw CoopError(
            .notFound, redo ? "there is nothing to redo" : "there is nothing to undo",
            subject.map { "no apply of `\($0.printable)` in this tree is kept" } ?? "no apply in this tree is kept", next: "coop diff")
    }

    /// What was taken back is a difference again, as long as the session has its overlay.
    private func offerAgain(_ record: LandingRecord, _ store: SessionStore) throws {
        guard !redo, let session = try? store.find(record.note.subject), session.id == record.note.subject,
            let overlay = try session.overlay()
        else { return }
        try overlay.accept(try record.formerBases().map { AcceptedVersion(path: $0.path, version: $0.version) })
    }
}
