/// How large things in the audit log may become.
public struct AuditLimits: Sendable, Equatable {
    /// Bytes of one file before the next one is begun. One batch may go beyond it.
    public var fileSize: Int

    /// - Parameter fileSize: bytes of one file.
    public init(fileSize: Int = 64 << 20) { self.fileSize = max(fileSize, 1) }

    /// Bytes of a line with its line break; no reader needs more memory than this for one entry.
    public static let line = 16 << 10
    /// Bytes that one text may need as it is written; what is beyond is cut off and counted.
    public static let text = 2 << 10
    /// Bytes of the name of a detail, a session and a type.
    public static let name = 64
    /// Bytes that all details of an entry may need; the rest is left out and counted.
    public static let details = 12 << 10
    /// Bytes that one batch of a writer may need.
    static let batch = 1 << 20
}
