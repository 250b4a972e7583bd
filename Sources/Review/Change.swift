/// One path of a working tree that differs between two states: of an overlay against what was below it, of a task against its base.
public struct Change: Sendable {
    /// Relative to the root of the tree, without `.` and `..`.
    public var path: String
    /// Before; nil if there was nothing.
    public var before: FileVersion?
    /// After; nil if it was removed.
    public var after: FileVersion?
    /// The path that the content came from, where it was moved; that path has a change of its own, with nothing after it.
    public var origin: String?

    public init(path: String, before: FileVersion?, after: FileVersion?, origin: String? = nil) {
        self.path = path
        self.before = before
        self.after = after
        self.origin = origin
    }
}
