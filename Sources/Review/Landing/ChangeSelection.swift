import CoopErrors
import LinuxKernel

/// Some of many changes, by their paths.
public enum ChangeSelection {
    /// The changes at these paths and below them; with what they need: the directories that have to be made for them, and the other end of
    /// a move. All of them for no path.
    ///
    /// - Parameter paths: relative to the root of the tree.
    /// - Throws: `not-found` for a path at which nothing has changed.
    public static func select(_ paths: [String], from changes: [Change], next: String) throws(CoopError) -> [Change] {
        if paths.isEmpty { return changes }
        var chosen = Set<PathBytes>()
        for path in paths {
            let found = changes.filter { path == "." || FileSystem.contains(path, $0.path) }
            guard !found.isEmpty else {
                throw CoopError(.notFound, "nothing has changed at \(path.printable)", "no change is there or below it", next: next)
            }
            for change in found {
                chosen.insert(PathBytes(change.path))
                if let origin = change.origin { chosen.insert(PathBytes(origin)) }
            }
        }
        let made = changes.filter { $0.after?.kind == .directory && $0.before?.kind != .directory }
        let makers = Dictionary(made.map { (PathBytes($0.path), $0) }, uniquingKeysWith: { first, _ in first })
        for path in chosen {
            for parent in TransactionTree.parents(of: path.path) {
                if let maker = makers[PathBytes(parent)] { chosen.insert(PathBytes(maker.path)) }
            }
        }
        // A file in the place of a directory needs that directory to be empty.
        let replaced = Set(
            changes.lazy.filter { chosen.contains(PathBytes($0.path)) && $0.before?.kind == .directory && $0.after?.kind != .directory }
                .map { PathBytes($0.path) })
        for change in changes where change.after == nil && !replaced.isEmpty {
            if TransactionTree.parents(of: change.path).contains(where: { replaced.contains(PathBytes($0)) }) {
                chosen.insert(PathBytes(change.path))
            }
        }
        return changes.filter { chosen.contains(PathBytes($0.path)) }
    }
}
