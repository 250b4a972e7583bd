import ArgumentParser
import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Review
import Sessions

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
        let record = try find(in: context, root: project.root, store: store)
        let subject = record.note.subject
        let what = redo ? "cannot redo the changes of \(subject.printable)" : "cannot undo the changes of \(subject.printable)"
        let planner = try LandingPlanner(root: record.root) { change, now in record.holds(change.path, now) ?? false }
        let plan = try planner.plan(try record.reversed())
        let text = LandingText(plan: plan)
        if !dryRun {
            guard plan.conflicts.isEmpty else {
                throw text.refusal(what, next: "move your edits of these out of the way, then: coop undo\(redo ? " --redo" : "")")
            }
            let note = LandingNote(kind: redo ? .apply : .undo, subject: subject)
            let overlay = try overlay(of: record, store)
            // Where the tree is already as it was, an undo was cut off after it; the rest is done now.
            if !plan.edits.isEmpty {
                let staged = try TreeTransaction(root: record.root, store: context.landings, note: note, edits: plan.edits).prepare()
                try staged.keep(formerBases: try bases(of: record.keptBases(), overlay))
                _ = try staged.commit()
            }
            // What was taken back is a difference again, what was redone is none, as long as the session has its overlay.
            try overlay?.accept(try record.formerBases().map { AcceptedVersion(path: $0.path, version: $0.version) })
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

    private func find(in context: Context, root: String, store: SessionStore) throws -> LandingRecord {
        let kind: LandingNote.Kind = redo ? .undo : .apply
        var session: StoredSession?
        if let id {
            do { session = try store.find(id) } catch {
                // It may be gone; what of it has landed is kept under its id.
                guard error.code == .notFound else { throw error }
            }
        }
        let subject = session?.id ?? id
        let landings = context.landings
        let found = try landings.latest(root: root) { $0.note.kind == kind && (subject == nil || $0.note.subject == subject) }
        if let found { return found }
        let tree = context.home.abbreviated(root).printable
        let what = redo ? "redo" : "undo"
        let made = redo ? "undo" : "apply"
        guard let subject else {
            throw CoopError(.notFound, "there is nothing to \(what)", "no \(made) in \(tree) is kept", next: "coop diff")
        }
        let other = try landings.latest(root: root) { $0.note.kind == kind }?.note.subject
        guard let session else {
            throw CoopError(
                .notFound, "cannot \(what) `\(subject.printable)`", "it is no session, and no \(made) of one by that id is kept in \(tree)",
                next: other.map { "coop undo \(redo ? "--redo " : "")\($0.shellQuoted)   # the latest that is" } ?? "coop ps -a")
        }
        throw CoopError(
            .notFound, "there is nothing of the session \(session.id.printable) to \(what)", "no \(made) of it in \(tree) is kept",
            next: redo ? "coop undo \(session.id)" : "coop diff \(session.id)")
    }

    /// The overlay that the changes came from; nil where that has been removed with its session.
    private func overlay(of record: LandingRecord, _ store: SessionStore) throws -> OverlaySession? {
        let session: StoredSession
        do { session = try store.find(record.note.subject) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        return session.id == record.note.subject ? try session.overlay() : nil
    }

    /// What is the base of these paths now: it is none of what the tree has there, because edits of the user's were brought together with the
    /// session's. The way back needs it.
    private func bases(of paths: [String], _ overlay: OverlaySession?) throws -> [(path: String, version: FileVersion)] {
        guard let overlay else { return [] }
        return try paths.compactMap { path in
            if case .known(let version) = try overlay.base(of: path) { return (path, version) }
            return nil
        }
    }
}
