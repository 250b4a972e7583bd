import CoopErrors
import LinuxKernel

/// The name of a secret: 1 to 128 ASCII letters, digits, `_`, `-` and `.`, beginning with a letter, a digit or `_`. It is also a file's
/// name, and often an environment variable's.
public struct SecretName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) throws(CoopError) {
        func problem(_ why: String) -> CoopError {
            CoopError(.usage, "`\(text.printable)` cannot be the name of a secret", why, next: "coop secret add MY_TOKEN")
        }
        guard !text.isEmpty else { throw problem("it is empty") }
        guard text.utf8.count <= 128 else { throw problem("it has more than 128 bytes") }
        let isValid = text.utf8.allSatisfy {
            $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        guard isValid else { throw problem("only letters, digits, _, - and . may stand in it") }
        guard let first = text.utf8.first, first.isLetterOrDigit || first == UInt8(ascii: "_") else {
            throw problem("it must begin with a letter, a digit or _")
        }
        self.text = text
    }

    public var description: String { text }
}

extension UInt8 {
    var isLetterOrDigit: Bool { (self >= 0x30 && self <= 0x39) || (self | 0x20 >= 0x61 && self | 0x20 <= 0x7A) }
}
