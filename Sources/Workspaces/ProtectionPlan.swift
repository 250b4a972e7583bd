import LinuxKernel

/// What ``ProtectedPaths`` found in a workspace, as values: the mounts to make, the directories to create, what to look at again.
public struct ProtectionPlan: Sendable, Equatable {
    /// One mount on a path of the workspace.
    public enum Operation: Sendable, Equatable {
        /// Bind the directory on itself, still writable: a mount point cannot be renamed or removed, so that what lies below it
        /// stays where it is.
        case pin(String)
        /// Bind the path on itself, read-only.
        case readOnly(String)

        /// The path, relative to the root.
        public var path: String {
            switch self {
            case .pin(let path), .readOnly(let path): path
            }
        }
    }

    /// A path that is missing.
    public struct Missing: Sendable, Equatable, Decodable {
        public var path: String
        public var reason: String
    }

    /// A symbolic link at a protected path: it cannot be held in place.
    public struct Link: Sendable, Equatable, Decodable {
        public var path: String
        public var target: String
        public var reason: String
    }

    /// A protected path and which file it was.
    public struct Watched: Sendable, Equatable, Decodable {
        public var path: String
        public var inode: String
        public var reason: String
    }

    /// A protected path that is not what it was.
    public struct Change: Sendable, Equatable {
        public enum Kind: Sendable, Equatable {
            /// It was missing.
            case written
            /// It is another file, or a link that leads elsewhere, or gone.
            case replaced
        }

        public var path: String
        public var reason: String
        public var kind: Kind
        public var isDirectory: Bool
    }

    public var root: String
    /// Protected paths that exist or will, relative to the root.
    public private(set) var protected: [String] = []
    /// Directories that are missing now and get a placeholder.
    public internal(set) var placeholders: [String] = []
    /// Every directory that may be a placeholder, of this or another session: what ``PlaceholderJournal`` has to know.
    public internal(set) var candidates: [String] = []
    /// Directories that are missing now and that something is mounted on: made like placeholders, but not protected.
    public var mountPoints: [String] = []
    /// Files that are missing and may be written.
    public internal(set) var missing: [Missing] = []
    public internal(set) var links: [Link] = []
    public internal(set) var watched: [Watched] = []

    init(root: String) { self.root = root }

    /// What ``ProtectedPaths/changes(since:)`` goes by, as it was kept.
    public init(root: String, missing: [Missing], links: [Link], watched: [Watched]) {
        self.init(root: root)
        (self.missing, self.links, self.watched) = (missing, links, watched)
    }

    mutating func protect(_ path: String) {
        if !protected.contains(where: { PathBytes($0) == PathBytes(path) }) { protected.append(path) }
    }

    /// The mounts, in order: ancestors before what they hold; placeholders are expected to exist by then.
    public var operations: [Operation] {
        let paths = Set((protected + placeholders).map { PathBytes($0) })
        var result: [Operation] = []
        var pinned: Set<PathBytes> = []
        for path in paths.map(\.path).sorted() {
            var ancestors: [String] = []
            var parent = FileSystem.parent(of: path)
            while parent != "." {
                ancestors.insert(parent, at: 0)
                parent = FileSystem.parent(of: parent)
            }
            // What lies in a read-only directory needs nothing of its own.
            if ancestors.contains(where: { paths.contains(PathBytes($0)) }) { continue }
            for ancestor in ancestors where pinned.insert(PathBytes(ancestor)).inserted { result.append(.pin(ancestor)) }
            result.append(.readOnly(path))
        }
        // A pin made after a mount below it would hide that mount.
        return result.sorted { depth($0.path) < depth($1.path) || (depth($0.path) == depth($1.path) && $0.path < $1.path) }
    }

    private func depth(_ path: String) -> Int { path.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "/") ? 1 : 0) } }
}
