import ArgumentParser
import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Review
import Sessions

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
                // Something that looks like neither says that it is no session.
                let path = FileSystem.join(context.currentDirectory, first)
                if error.code == .usage || (words.count == 1 && FileSystem.kind(path, followLinks: false) == nil) {
                    let changed = try? store.overlay(nil, project: project).overlay.changes()
                    let isPath = changed?.contains { FileSystem.contains(first, $0.path) } ?? false
                    if !isPath { throw error }
                }
            }
        }
        (session, overlay) = try store.overlay(id, project: project)
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

    /// The session as it is named in a command line.
    var name: String { session.id }
}
