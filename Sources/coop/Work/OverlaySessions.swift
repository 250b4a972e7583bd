import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Sessions

extension StoredSession {
    /// The session's overlay; nil for one that worked without, or whose overlay has been removed.
    ///
    /// - Parameter project: the one that it may belong to, whose directory may have been moved since.
    func overlay(of project: Project? = nil) throws(CoopError) -> OverlaySession? {
        try OverlaySession.open(
            OverlayDirectory(path: FileSystem.join(directory, OverlayDirectory.name)),
            root: project.flatMap { $0.key.text == self.project ? $0.root : nil })
    }
}

extension StoredSession {
    /// When its overlay was made, in nanoseconds since 1970; zero for one that has none.
    fileprivate func overlayTime() throws(CoopError) -> Int64 {
        let path = FileSystem.join(directory, OverlayDirectory.name)
        do throws(SystemError) {
            guard let time = try FileSystem.status(path, followLinks: false)?.st_mtim else { return 0 }
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        } catch {
            throw CoopError(.failed, "cannot look for the latest overlay", "\(error)", next: "ls -la \(path.printable)")
        }
    }
}

extension SessionStore {
    /// The session that a text means, or without one the project's latest that has changes to look at, and its overlay.
    ///
    /// - Throws: `not-found` when there is none, or it has no overlay.
    func overlay(_ text: String?, project: Project) throws(CoopError) -> (session: StoredSession, overlay: OverlaySession) {
        if let text {
            let session = try find(text)
            if let overlay = try session.overlay(of: project) { return (session, overlay) }
            let what = "the session \(session.id.printable) has no changes to look at"
            if let task = session.summary.task {
                throw CoopError(
                    .notFound, what, "it worked in the task \(task.printable)",
                    next: "coop diff \(task.shellQuoted)   # and then: coop task merge \(task.shellQuoted)")
            }
            throw CoopError(
                .notFound, what, "it worked in your own tree, or nothing is left in its overlay",
                next: "git diff   # or before the next one: coop run --workspace overlay -- …")
        }
        // Two may have begun in the same second, which is all that their records tell; the directories of their overlays were made once.
        let sessions = try all().filter { $0.project == project.key.text }.map { session throws(CoopError) in
            (session: session, made: try session.overlayTime())
        }
        let latest = sessions.sorted { ($0.session.summary.started, $0.made) > ($1.session.summary.started, $1.made) }
        for (session, _) in latest {
            if let overlay = try session.overlay(of: project), try overlay.hasChanges() { return (session, overlay) }
        }
        throw CoopError(
            .notFound, "no session of this project has changes to look at", "none of its overlays differs from the tree",
            next: "coop run --workspace overlay -- …")
    }
}
