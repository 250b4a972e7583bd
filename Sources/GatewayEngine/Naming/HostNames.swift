import GatewayProtocol

/// The one place where bytes from inside become a host name or an address.
public enum HostNames {
    /// A host as a program wrote it in a proxy request.
    enum Host: Hashable {
        case name(String)
        case address(IPv4Address)
    }

    /// The name in lower case without its final dot; nil for what no host is called: empty or over-long labels, other bytes than
    /// letters, digits, `-`, `_`, and last labels that are numbers, which address parsers would take for an address.
    public static func name(_ bytes: some Collection<UInt8>) -> String? {
        var bytes = Array(bytes)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 253 else { return nil }
        var label = 0
        for index in bytes.indices {
            switch bytes[index] {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                bytes[index] |= 0x20
                label += 1
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): label += 1
            case UInt8(ascii: "-"):
                guard label > 0, index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: ".") else { return nil }
                label += 1
            case UInt8(ascii: "."):
                guard label > 0 else { return nil }
                label = 0
            default: return nil
            }
            guard label <= 63 else { return nil }
        }
        guard label > 0, !looksLikeNumber(bytes.suffix(label)) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A name, or an address in dotted decimal; nil for anything else, other spellings of addresses included.
    static func host(_ bytes: some Collection<UInt8>) -> Host? {
        if let address = IPv4Address(String(decoding: bytes, as: UTF8.self)) { return .address(address) }
        return name(bytes).map(Host.name)
    }

    /// Decimal digits, or `0x` and hexadecimal digits (the URL standard's "ends in a number").
    private static func looksLikeNumber(_ label: some Collection<UInt8>) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
        if label.allSatisfy(isDigit) { return true }
        guard label.first == UInt8(ascii: "0"), label.dropFirst().first == UInt8(ascii: "x") else { return false }
        return label.dropFirst(2).allSatisfy { isDigit($0) || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f")) }
    }
}
