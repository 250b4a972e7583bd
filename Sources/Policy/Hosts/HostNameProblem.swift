/// Why bytes are not the name of a host.
public enum HostNameProblem: Error, Sendable, Hashable {
    case empty
    /// More than 253 bytes.
    case tooLong
    case emptyLabel
    /// More than 63 bytes between two dots.
    case labelTooLong
    /// A label that begins or ends with a hyphen.
    case hyphen
    /// A byte that no name has: a space, NUL, control character, `%`, `/`, `@`, or an underscore in the last label.
    case forbidden(UInt8)
    /// Raw bytes above ASCII; an international name is written as A-label.
    case notASCII
    /// A label `xn--…` that does not decode.
    case invalidInternational
    /// An address, or what many clients would read as one: `127.1`, `0x7f000001`, `[::1]`.
    case address
}

extension HostNameProblem: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "it is empty"
        case .tooLong: "it has more than \(HostName.lengthLimit) bytes"
        case .emptyLabel: "it has two dots in a row, or begins with one"
        case .labelTooLong: "it has more than \(HostName.labelLimit) bytes between two dots"
        case .hyphen: "a part of it begins or ends with a hyphen"
        case .forbidden(let byte): "it holds \(HostNameProblem.name(of: byte)), which no host name has"
        case .notASCII: "it holds bytes above ASCII"
        case .invalidInternational: "a part of it begins with xn-- and is no international name"
        case .address: "it is a number or an address and not a name"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x20: "a space"
        case 0x21...0x7E: "`\(Unicode.Scalar(byte))`"
        default: "the control character 0x" + String(byte, radix: 16)
        }
    }
}
