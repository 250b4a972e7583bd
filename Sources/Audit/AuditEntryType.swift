/// What an entry of the audit log is about. New kinds may be added; a reader passes on what it does not know.
public struct AuditEntryType: RawRepresentable, Sendable, Hashable {
    /// Lower-case letters, digits and dashes.
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// A connection or a request out of a sandbox, and what was decided.
    public static let egress = AuditEntryType(rawValue: "egress")
    /// A command of the host that a sandbox asked for.
    public static let command = AuditEntryType(rawValue: "command")
    /// A grant made, changed, removed, or used.
    public static let grant = AuditEntryType(rawValue: "grant")
    /// An approval of what a repository asks for, given or taken back.
    public static let trust = AuditEntryType(rawValue: "trust")
    /// A use of something of the user's session that was forwarded into a sandbox.
    public static let forward = AuditEntryType(rawValue: "forward")
    /// A command of the configuration that ran inside before the session's own.
    public static let hook = AuditEntryType(rawValue: "hook")
    /// Rules that changed.
    public static let policy = AuditEntryType(rawValue: "policy")
    /// Whether something that the host would execute or trust was let into a tree of the user's.
    public static let landing = AuditEntryType(rawValue: "landing")
    /// The beginning or the end of a session.
    public static let session = AuditEntryType(rawValue: "session")

    // Written by the log itself.

    /// The first entry of a log.
    public static let begin = AuditEntryType(rawValue: "begin")
    /// The first entry of each further file; it names the file before it.
    public static let rotate = AuditEntryType(rawValue: "rotate")
    /// What a crash or a power failure has left was put in order.
    public static let recovery = AuditEntryType(rawValue: "recovery")
}
