import Review

/// What the base of one path becomes: the version that has just been applied to the tree, whole or in part, or that was taken back.
public struct AcceptedVersion: Sendable {
    /// Relative to the root of the tree.
    public var path: String
    /// Nil when nothing is there any more.
    public var version: FileVersion?

    public init(path: String, version: FileVersion?) {
        self.path = path
        self.version = version
    }
}
