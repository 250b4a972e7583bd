import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Review
import Sessions

/// Lands changes of an overlay in the user's tree.
struct OverlayLanding {
    let context: Context
    let session: StoredSession
    let overlay: OverlaySession
    let plan: LandingPlan

    init(context: Context, selection: WorkSelection, changes: [Change]) throws {
        try self.init(context: context, session: selection.session, overlay: selection.overlay, changes: changes)
    }

    private init(context: Context, session: StoredSession, overlay: OverlaySession, changes: [Change]) throws {
        self.context = context
        self.session = session
        self.overlay = overlay
        let planner = try LandingPlanner(root: overlay.root) { change, _ in try overlay.isUntouched(change.path) }
        plan = try planner.plan(changes)
    }

    /// Puts the contents ready. From here on nothing that the session does has a say in what lands.
    func stage() throws -> StagedTransaction {
        let transaction = TreeTransaction(
            root: overlay.root, store: context.landings, note: LandingNote(kind: .apply, subject: session.id), edits: plan.edits)
        let staged = try transaction.prepare()
        var former: [(path: String, version: FileVersion)] = []
        for item in plan.items where item.isMerged {
            if case .known(let version) = try overlay.base(of: item.edit.path) { former.append((item.edit.path, version)) }
        }
        try staged.keep(formerBases: former)
        return staged
    }

    /// The same without some paths, and without what cannot land when they do not. What was staged is taken as it is, so it must live until
    /// this one is staged as well.
    func without(_ paths: [String], _ staged: StagedTransaction) throws -> OverlayLanding {
        let refused = Set(paths.map { PathBytes($0) })
        var gone: Set<PathBytes> = []
        var rest: [Change] = []
        for (item, edit) in zip(plan.items, staged.edits) {
            let key = PathBytes(edit.path)
            // What lies in a directory that is not made cannot be there either; the plan has them in the order of their paths.
            if refused.contains(key) || gone.contains(PathBytes(FileSystem.parent(of: edit.path))) {
                if edit.version?.kind == .directory, edit.expected?.kind != .directory { gone.insert(key) }
                continue
            }
            var change = item.change
            if !item.isMerged { change.after = edit.version }
            rest.append(change)
        }
        return try OverlayLanding(context: context, session: session, overlay: overlay, changes: rest + plan.settled)
    }

    /// Makes the changes, and takes them for the base of what the session does from now on.
    func commit(_ staged: StagedTransaction) throws -> LandingRecord? {
        // What becomes the base is what lands, not what the session has made of it since.
        let accepted =
            zip(plan.items, staged.edits).map { item, edit in
                AcceptedVersion(path: edit.path, version: item.isMerged ? item.change.after : edit.version)
            } + plan.settled.map { AcceptedVersion(path: $0.path, version: $0.after) }
        let record = try staged.commit()
        // A kill in between costs nothing: the next apply finds these changes in the tree already.
        try overlay.accept(accepted)
        return record
    }

    /// Takes what the tree has already for the base, where there is nothing else to do.
    func settle() throws {
        guard plan.edits.isEmpty, !plan.settled.isEmpty else { return }
        try overlay.accept(plan.settled.map { AcceptedVersion(path: $0.path, version: $0.after) })
    }
}
