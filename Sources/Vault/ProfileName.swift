import CoopErrors

/// The name of one login among an agent's.
public struct ProfileName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// The login of this machine, which the agent itself keeps.
    public static let host = ProfileName(known: "host")
    /// What a login is called when nobody names it.
    public static let standard = ProfileName(known: "default")

    private init(known text: String) { self.text = text }

    /// - Throws: `usage` for anything but 1 to 32 lower-case letters, digits and `-`, the first no `-`.
    public init(_ text: String) throws(CoopError) {
        let isValid =
            (1...32).contains(text.utf8.count) && !text.hasPrefix("-")
            && text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-") }
        guard isValid else {
            throw CoopError(
                .usage, "cannot use `\(text.printable)` as a profile", "a name is 1 to 32 lower-case letters, digits and `-`",
                next: "coop profile list")
        }
        self.text = text
    }

    public var description: String { text }
}
