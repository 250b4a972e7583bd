/// Which entries somebody wants to see.
public struct AuditQuery: Sendable, Equatable {
    /// The id of a session, or its beginning; nil for all.
    public var session: String?
    /// The types; nil for all.
    public var types: Set<AuditEntryType>?
    /// At this moment or later.
    public var since: AuditTime?
    /// Before this moment.
    public var until: AuditTime?
    /// Only so many, the newest.
    public var last: Int?

    public init(
        session: String? = nil, types: Set<AuditEntryType>? = nil, since: AuditTime? = nil, until: AuditTime? = nil, last: Int? = nil
    ) {
        self.session = session
        self.types = types
        self.since = since
        self.until = until
        self.last = last
    }

    /// Whether an entry is meant, `last` aside.
    public func matches(_ entry: AuditEntry) -> Bool {
        if let session, !entry.session.utf8.starts(with: session.utf8) { return false }
        if let types, !types.contains(entry.type) { return false }
        if let since, entry.time < since { return false }
        if let until, entry.time >= until { return false }
        return true
    }
}
