import CoopErrors
import LinuxKernel

/// The name of a secret: 1 to 128 ASCII letters, digits, `_`, `-` and `.`, beginning with a letter, a digit or `_`. It is also a file's
/// name, and often an environment variable's.
public struct SecretName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) throws(CoopError) {
        if let why = SecretName.problem(text) {
            throw CoopError(.usage, "`\(text.printable)` cannot be the name of a secret", why, next: "coop secret add MY_TOKEN")
        }
        self.text = text
    }

    /// Why a text cannot be a name; nil when it can.
    static func problem(_ text: String) -> String? {
        guard !text.isEmpty else { return "it is empty" }
        guard text.utf8.count <= 128 else { return "it has more than 128 bytes" }
        let isValid = text.utf8.allSatisfy {
            $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        guard isValid else { return "only letters, digits, _, - and . may stand in it" }
        guard let first = text.utf8.first, first.isLetterOrDigit || first == UInt8(ascii: "_") else {
            return "it must begin with a letter, a digit or _"
        }
        return nil
    }

    public var description: String { text }
}

extension UInt8 {
    var isLetterOrDigit: Bool { (self >= 0x30 && self <= 0x39) || (self | 0x20 >= 0x61 && self | 0x20 <= 0x7A) }
}
