import ArgumentParser
import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Review
import Sessions
import Tasks

/// What `diff`, `apply` and `discard` are asked about: a session's overlay, and paths in it.
struct WorkSelection {
    let session: StoredSession
    let overlay: OverlaySession
    /// Relative to the root of the tree; none for everything.
    let paths: [String]

    /// - Parameters:
    ///   - words: `[ID] [PATH…]`. The first is a session if it names one; a path can always be written so that it does not, `./name`.
    ///   - command: for the remedy of an error: `coop apply`.
    init(_ words: [String], context: Context, command: String) throws(CoopError) {
        let project = try context.project()
        let store = SessionStore(context: context)
        var id: String?
        var rest = words[...]
        if let first = words.first, !first.utf8.contains(UInt8(ascii: "/")) {
            do {
                _ = try store.find(first)
                id = first
                rest = rest.dropFirst()
            } catch {
                guard error.code == .notFound else { throw WorkSelection.task(first, project, context) ?? error }
                guard try WorkSelection.isPath(first, context: context, store: store, project: project) else {
                    if let task = WorkSelection.task(first, project, context) { throw task }
                    throw CoopError(
                        .notFound, "there is neither a session nor a change `\(first.printable)`",
                        "no session has that name or id, and nothing is, or has changed, at that path in \(context.home.abbreviated(project.root).printable)",
                        next: "coop ps -a")
                }
            }
        }
        do { (session, overlay) = try store.overlay(id, project: project) } catch {
            guard id == nil, !rest.isEmpty, error.code == .notFound else { throw error }
            throw CoopError(
                .notFound, "nothing has changed at \(rest.map(\.printable).joined(separator: ", "))",
                "no session of this project has changes: none of its overlays differs from the tree", next: error.next)
        }
        var paths: [String] = []
        for word in rest {
            let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, word))
            guard let relative = FileSystem.relative(path, to: overlay.root) else {
                throw CoopError(
                    .usage, "cannot choose \(word.printable)", "it is not in \(overlay.root.printable), where the session worked",
                    next: "\(command) \(session.id)")
            }
            paths.append(relative.isEmpty ? "." : relative)
        }
        self.paths = paths.contains(".") ? [] : paths
    }

    /// Whether a word names something in the tree, or that the latest session has changed there.
    private static func isPath(_ word: String, context: Context, store: SessionStore, project: Project) throws(CoopError) -> Bool {
        let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, word))
        if FileSystem.kind(path, followLinks: false) != nil { return true }
        let overlay: OverlaySession
        do { overlay = try store.overlay(nil, project: project).overlay } catch {
            // Where there is no overlay to ask, it is no path of one.
            guard error.code == .notFound else { throw error }
            return false
        }
        guard let name = FileSystem.relative(path, to: overlay.root) else { return false }
        return try !overlay.changes([name]).isEmpty
    }

    /// The error for a word that names a task.
    private static func task(_ text: String, _ project: Project, _ context: Context) -> CoopError? {
        guard let name = try? TaskName(text), FileSystem.kind(ProjectTasks.store(context, project).directory(of: name)) != nil else {
            return nil
        }
        return CoopError(
            .notFound, "there is no session `\(text.printable)`", "it is a task, whose commits are merged",
            next: "coop task merge \(text.shellQuoted)")
    }

    /// The session as it is named in a command line.
    var name: String { session.id }
}
