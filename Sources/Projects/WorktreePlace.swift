/// A linked worktree with what coop has given it to keep it apart from the repository's others.
public struct WorktreePlace: Sendable, Equatable {
    /// What the offsets differ by at least: a project may use that many ports in a row.
    static let step = 10
    /// How many offsets there are. The largest leaves every port below 35536 valid.
    static let count = 3000

    public var repository: String
    public var name: String
    /// To be added to a port so that the worktrees of a repository can listen at the same time; 0 is the main worktree's.
    public var portOffset: Int

    init(_ worktree: LinkedWorktree, portOffset: Int) {
        repository = worktree.repository
        name = worktree.name
        self.portOffset = portOffset
    }

    public var worktree: LinkedWorktree { LinkedWorktree(repository: repository, name: name) }
    /// The name as a label: of a host, a container, a database.
    public var label: String { worktree.label }
    /// The host name inside.
    public var hostname: String { "coop-" + label }

    /// The offset that a worktree wants, by its name alone; the next free one when another worktree has it already.
    static func portOffset(of worktree: LinkedWorktree, taken: Set<Int>) -> Int? {
        let digest = SHA256.hexDigest(worktree.name.osBytes)
        let start = Int(digest.prefix(8), radix: 16) ?? 0
        return (0..<count).lazy.map { ((start + $0) % count + 1) * step }.first { !taken.contains($0) }
    }
}
