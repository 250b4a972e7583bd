/// The first thing in a log that is not as coop wrote it.
public struct AuditDamage: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A line, or one of the files beside the log, has other bytes than coop wrote.
        case edited
        /// Lines, or a whole file, are missing before this place.
        case deleted
        /// A line that coop did not write here: a foreign one, or a copy of another.
        case inserted
        /// Lines that coop wrote in another order.
        case reordered
        /// Lines are missing at the end.
        case truncated
        /// A line that begins and does not end, where lines follow or followed it.
        case torn
        /// The key is missing or not the one that the log was written with.
        case wrongKey = "wrong-key"
    }

    public var kind: Kind
    /// The name of the file in the directory of the log.
    public var file: String
    /// Counted from 1; nil when it is about the file as a whole.
    public var line: UInt64?
    /// What was found, in words.
    public var detail: String

    /// `audit-000001.jsonl:17`.
    public var place: String { line.map { "\(file):\($0)" } ?? file }
}
