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

    /// The overlay in `directory`; nil when the session has none.
    public static func open(_ directory: OverlayDirectory) throws(CoopError) -> OverlaySession? {
        nil
    }

    /// Everything that differs from the base, in the order of the paths' bytes: a directory before what lies in it. A path with an `origin` was
    /// moved, and the path that it came from has a change of its own. What was only copied up, and is the same, is no change.
    ///
    /// `before` of a change is the base; its content can be opened where ``base(of:)`` says `known`.
    ///
    /// - Parameter paths: only these and what lies below them, relative to the root; everything when empty.
    public func changes(_ paths: [String] = []) throws(CoopError) -> [Change] {
        []
    }

    /// Whether anything differs from the base.
    public func hasChanges() throws(CoopError) -> Bool {
        false
    }

    /// How `path` was at the start, or as the last `accept` has left it.
    public func base(of path: String) throws(CoopError) -> BaseVersion {
        .absent
    }

    /// Whether the user's own tree still has at `path` exactly what the base says, as far as its status tells (inode(7)): false when in doubt.
    public func isUntouched(_ path: String) throws(CoopError) -> Bool {
        false
    }

    /// Makes these versions the base of their paths, durably, all of them or none. Contents are copied.
    public func accept(_ versions: [AcceptedVersion]) throws(CoopError) {
    }

    /// Removes the overlay with everything that was done in it. Only once the session is over.
    public func discard() throws(CoopError) {
    }
}
