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

    /// - Parameters:
    ///   - changes: what is to land.
    ///   - all: every change of the session.
    init(context: Context, selection: WorkSelection, changes: [Change], of all: [Change]) throws {
        if selection.session.isLive { try OverlayLanding.refuseMovedDirectories(changes, of: all, selection.session) }
        try self.init(context: context, session: selection.session, overlay: selection.overlay, changes: changes)
    }

    private init(context: Context, session: StoredSession, overlay: OverlaySession, changes: [Change]) throws {
        self.context = context
        self.session = session
        self.overlay = overlay
        let planner = try LandingPlanner(root: overlay.root) { change, _ in try overlay.isUntouched(change.path) }
        plan = try planner.plan(changes)
    }

    /// In a directory that root has moved as a whole the session goes on to see what the user's tree has at the old place (redirects of
    /// overlayfs): with that gone, the session would lose it.
    private static func refuseMovedDirectories(_ changes: [Change], of all: [Change], _ session: StoredSession) throws(CoopError) {
        var moves: [(origin: String, path: String)] = []
        for change in all where change.after?.kind == .directory {
            // In the order of the paths: those that were moved with another come after it.
            guard let origin = change.origin, !(moves.last.map { FileSystem.contains($0.path, change.path) } ?? false) else { continue }
            moves.append((origin, change.path))
        }
        let concerned = moves.first { move in
            changes.contains { FileSystem.contains(move.origin, $0.path) || FileSystem.contains(move.path, $0.path) }
        }
        guard let (origin, path) = concerned else { return }
        throw CoopError(
            .notReady, "cannot apply the changes of \(session.id.printable)",
            "\(path.printable) was moved there from \(origin.printable) as a whole, and the session, which is running, still reads its files from your \(origin.printable)",
            next: "coop stop \(session.id.printable)   # or coop apply \(session.id.printable) PATH, for other paths")
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
                AcceptedVersion(path: edit.path, version: item.isMerged ? item.change.after : lasting(edit.version, item.change))
            } + plan.settled.map { AcceptedVersion(path: $0.path, version: $0.after) }
        let record = try staged.commit()
        // A kill in between costs nothing: the next apply finds these changes in the tree already.
        try overlay.accept(accepted)
        return record
    }

    /// What has landed where its owner may not read it is read from the layer of the session, when that is over and holds the same.
    private func lasting(_ staged: FileVersion?, _ change: Change) -> FileVersion? {
        guard !session.isLive, let staged, staged.kind == .file, let after = change.after, after.kind == .file, after.size == staged.size
        else { return staged }
        return FileVersion(kind: .file, mode: staged.mode, size: staged.size, attributes: staged.attributes) {
            do { return try staged.open() } catch { return try after.open() }
        }
    }

    /// Takes what the tree has already for the base, where there is nothing else to do.
    func settle() throws {
        guard plan.edits.isEmpty, !plan.settled.isEmpty else { return }
        try overlay.accept(plan.settled.map { AcceptedVersion(path: $0.path, version: $0.after) })
    }
}
