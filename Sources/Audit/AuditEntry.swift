/// What somebody wants to have recorded.
public struct AuditEntry: Sendable, Equatable {
    public var time: AuditTime
    /// The id of the session it belongs to; empty when it belongs to none.
    public var session: String
    public var type: AuditEntryType
    /// What happened, in the order in which it is written. Names and texts may hold anything.
    public var details: [AuditDetail]

    public init(_ type: AuditEntryType, session: String = "", time: AuditTime = .now(), details: [AuditDetail]) {
        self.type = type
        self.session = session
        self.time = time
        self.details = details
    }
}
