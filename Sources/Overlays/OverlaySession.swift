import CoopErrors
import LinuxKernel
import Review

/// The overlay of one session, while it runs or afterwards: what it changed, against the base that was recorded at its start.
///
/// Everything is read from the overlay's own layer, never through the mount, so that the session may go on meanwhile. Nothing that the
/// session could have written is opened through a link.
public struct OverlaySession: Sendable {
    /// Where the overlay lies.
    public let directory: OverlayDirectory
    /// The tree that it lies over: the workspace, absolute.
    public let root: String

    private let base: OverlayBase
    private let upper: UpperLayer

    /// The overlay in `directory`; nil when the session has none. What is read from the base is how it stands now.
    ///
    /// - Parameter root: where the tree is now, if it may have been moved.
    public static func open(_ directory: OverlayDirectory, root: String? = nil) throws(CoopError) -> OverlaySession? {
        do throws(SystemError) {
            guard try FileSystem.kindIfPresent(directory.tree, followLinks: false) == .file else { return nil }
            return try OverlaySession(directory, root)
        } catch {
            throw CoopError(
                .failed, "cannot look at the changes in \(directory.path.printable)", error.description,
                next: "ls -la \(directory.path.printable)")
        }
    }

    private init(_ directory: OverlayDirectory, _ root: String?) throws(SystemError) {
        self.directory = directory
        base = try OverlayBase(directory, root: root)
        self.root = base.tree.root
        upper = try UpperLayer(directory.upper, isTrusted: base.tree.isTrusted)
    }

    /// Everything that differs from the base, in the order of the paths' bytes: a directory before what lies in it. A path with an `origin` was
    /// moved, and the path that it came from has a change of its own. What was only copied up, and is the same, is no change.
    ///
    /// `before` of a change is the base; its content can be opened where ``base(of:)`` says `known`.
    ///
    /// - Parameter paths: only these and what lies below them, relative to the root; everything when empty.
    public func changes(_ paths: [String] = []) throws(CoopError) -> [Change] {
        try reading {
            var changes = try OverlayChanges.find(base, upper, paths: paths)
            MovedFiles.mark(&changes)
            return changes
        }
    }

    /// Whether anything differs from the base.
    public func hasChanges() throws(CoopError) -> Bool {
        try reading { try !OverlayChanges.find(base, upper, limit: 1).isEmpty }
    }

    /// How `path` was at the start, or as the last `accept` before this value was opened has left it.
    public func base(of path: String) throws(CoopError) -> BaseVersion {
        try reading {
            guard let version = try base.version(of: path) else { return .absent }
            guard version.kind == .file, base.accepted[path.osBytes] == nil, let index = base.tree.find(path) else {
                return .known(version)
            }
            return try base.content(index, path) == nil ? .contentLost(version) : .known(version)
        }
    }

    /// Whether the user's own tree still has at `path` exactly what the base says, as far as its status tells (inode(7)): false when in doubt.
    /// What a directory holds is not looked at.
    public func isUntouched(_ path: String) throws(CoopError) -> Bool { try reading { try base.isUntouched(path) } }

    /// Makes these versions the base of their paths, durably, all of them or none. Contents are copied. A value that was opened before goes on to
    /// tell the old base.
    public func accept(_ versions: [AcceptedVersion]) throws(CoopError) {
        if versions.isEmpty { return }
        try reading { try AcceptedJournal(directory: directory.base).append(versions) }
    }

    /// Removes the overlay with everything that was done in it. Only once the session is over.
    public func discard(to trash: Trash) throws(CoopError) { try reading { try trash.remove(directory.path) } }

    private func reading<Value>(_ body: () throws -> Value) throws(CoopError) -> Value {
        do { return try body() } catch let error as CoopError { throw error } catch {
            throw CoopError(
                .failed, "cannot read the changes in \(directory.path.printable)", "\(error)", next: "ls -la \(directory.path.printable)")
        }
    }
}
