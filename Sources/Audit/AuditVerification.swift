/// What a verification has found.
public struct AuditVerification: Sendable, Equatable {
    /// How many entries are intact, from the first on.
    public var entries: UInt64
    /// How many files there are.
    public var files: Int
    /// Bytes of all files.
    public var bytes: UInt64
    /// The first damage; nil when there is none.
    public var damage: AuditDamage?
    /// What is no damage and yet worth knowing: the traces of a killed writer or of a power failure, which the next writer puts in order.
    public var notes: [String]

    public var isIntact: Bool { damage == nil }
}
