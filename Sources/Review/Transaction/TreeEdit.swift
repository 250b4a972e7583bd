/// One path of a tree that is to become something else.
public struct TreeEdit: Sendable {
    /// Relative to the root of the tree, without `.` and `..`.
    public var path: String
    /// What was there when the edit was decided on; nil when there was nothing. Anything else there fails the whole transaction.
    public var expected: Fingerprint?
    /// What is to be there; nil when the path is to be removed. A directory that is removed must hold nothing that is not removed by an
    /// edit of its own, and one that is replaced likewise.
    public var version: FileVersion?

    public init(path: String, expected: Fingerprint?, version: FileVersion?) {
        self.path = path
        self.expected = expected
        self.version = version
    }
}
