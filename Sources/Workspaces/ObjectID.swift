/// The name of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
public struct ObjectID: Sendable, Hashable, CustomStringConvertible {
    public let hex: String

    /// nil unless `text` has exactly the form of an object name.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard bytes.count == 40 || bytes.count == 64,
            bytes.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        else { return nil }
        hex = String(text)
    }

    /// A name that is written in coop's own source.
    init(wellFormed hex: String) { self.hex = hex }

    /// Whether this is the name that means "no object".
    public var isZero: Bool { hex.utf8.allSatisfy { $0 == 0x30 } }

    public var description: String { hex }
}

/// The hash that names a repository's objects.
public enum ObjectFormat: String, Sendable {
    case sha1, sha256

    /// The number of hexadecimal digits of an object name.
    public var digits: Int { self == .sha1 ? 40 : 64 }

    /// The name that means "no object".
    public var zero: String { String(repeating: "0", count: digits) }
}
