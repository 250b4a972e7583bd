/// What landing changes would do to a tree as it is now.
public struct LandingPlan: Sendable {
    /// A path where the tree and the change both differ from the base, and cannot be brought together.
    public struct Conflict: Sendable, Equatable {
        public var path: String
        /// Why, in words that go on after the path and a colon.
        public var reason: String
    }

    /// One path that would become something else.
    public struct Item: Sendable {
        /// The change as it was made.
        public var change: Change
        /// What is there now.
        public var now: FileVersion?
        /// What is to be there: the change's own version, or the two brought together.
        public var edit: TreeEdit
        /// Whether the tree was changed as well, and both were brought together.
        public var isMerged: Bool
    }

    public var items: [Item] = []
    public var conflicts: [Conflict] = []
    /// Changes that the tree has already.
    public var settled: [Change] = []

    public init() {}

    public var edits: [TreeEdit] { items.map(\.edit) }

    /// What the tree's owner would see: from what is there now to what will be.
    ///
    /// - Parameter edits: the same edits with their contents staged, so that they cannot change between a look and the landing.
    public func changes(as edits: [TreeEdit]) -> [Change] {
        zip(items, edits).map { item, edit in
            Change(path: edit.path, before: item.now, after: edit.version, origin: item.change.origin)
        }
    }
}
