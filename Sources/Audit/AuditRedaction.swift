/// Takes secrets out of texts before they are written.
///
/// Callers hand over texts without secrets; this is the second line, for whoever knows which bytes must never be on disk.
public struct AuditRedaction: Sendable {
    private let replace: (@Sendable (String) -> String)?

    /// - Parameter replace: called with every text of an entry, before it is shortened; what it returns is written.
    public init(_ replace: @escaping @Sendable (String) -> String) { self.replace = replace }

    private init() { replace = nil }

    /// Everything is written as it comes.
    public static let none = AuditRedaction()

    /// Replaces each occurrence of these texts, byte by byte, by `[redacted]`.
    public static func secrets(_ secrets: [String]) -> AuditRedaction {
        // The longest first: of two secrets, one of which begins with the other, nothing may be left.
        let needles = secrets.map { Array($0.utf8) }.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
        return AuditRedaction { text in
            let bytes = Array(text.utf8)
            var result: [UInt8] = []
            var index = 0
            while index < bytes.count {
                if let needle = needles.first(where: { bytes[index...].starts(with: $0) }) {
                    result += "[redacted]".utf8
                    index += needle.count
                } else {
                    result.append(bytes[index])
                    index += 1
                }
            }
            return String(decoding: result, as: UTF8.self)
        }
    }

    func callAsFunction(_ text: String) -> String { replace?(text) ?? text }
}
