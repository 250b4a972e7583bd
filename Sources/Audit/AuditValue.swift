/// A value in the details of an entry.
public enum AuditValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case flag(Bool)
    case list([String])
}
