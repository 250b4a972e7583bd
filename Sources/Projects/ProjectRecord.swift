import LinuxKernel
import TOML

/// What coop knows about a project, as it is kept in `$COOP_HOME/projects/<key>/project.toml`: out of reach of every sandbox, since
/// secrets and approvals follow it.
public struct ProjectRecord: Sendable, Equatable {
    static let version: Int64 = 1

    /// The root, with every link resolved.
    public var path: String
    /// What the project calls itself: `name` of its configuration, else the directory's name.
    public var name: String
    /// Twelve random letters and digits; they stay when the project moves.
    public var id: String
    /// The root's identity; nil where its file system cannot tell a directory from a later one.
    public var identity: FileIdentity?
    /// Seconds since 1970.
    public var created: Int64
    public var worktree: WorktreePlace?

    public init(path: String, name: String, id: String, identity: FileIdentity?, created: Int64, worktree: WorktreePlace? = nil) {
        self.path = path
        self.name = name
        self.id = id
        self.identity = identity
        self.created = created
        self.worktree = worktree
    }

    /// What the project is called among all: `app`, or `app/feature` in a linked worktree. A name never holds a slash, so the two never
    /// meet.
    public var title: String { worktree.map { "\(name)/\($0.name)" } ?? name }

    /// The key of its directory.
    public var key: ProjectKey { ProjectKey(path: path) }

    var text: String {
        var result = """
            # Kept by coop.
            version = \(ProjectRecord.version)
            path = \(TOMLValue.string(path).text)
            name = \(TOMLValue.string(name).text)
            id = \(TOMLValue.string(id).text)
            created = \(created)

            """
        if let identity { result += "identity = \(TOMLValue.string(identity.description).text)\n" }
        if let worktree {
            result += "repository = \(TOMLValue.string(worktree.repository).text)\n"
            result += "worktree = \(TOMLValue.string(worktree.name).text)\nport_offset = \(worktree.portOffset)\n"
        }
        return result
    }

    /// Nil when the file is not one that this version wrote.
    init?(_ table: TOMLTable) {
        func text(_ key: String) -> String? { if case .string(let text)? = table[key]?.value { text } else { nil } }
        func number(_ key: String) -> Int64? { if case .integer(let number)? = table[key]?.value { number } else { nil } }
        guard number("version") == ProjectRecord.version, let path = text("path"), path.hasPrefix("/"), let name = text("name"),
            let id = text("id"), let created = number("created")
        else { return nil }
        self.init(path: path, name: name, id: id, identity: text("identity").map { FileIdentity(description: $0) }, created: created)
        if let repository = text("repository"), let worktree = text("worktree"), let offset = number("port_offset") {
            self.worktree = WorktreePlace(LinkedWorktree(repository: repository, name: worktree), portOffset: Int(offset))
        }
    }
}
