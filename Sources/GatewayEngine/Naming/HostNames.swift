import GatewayProtocol
import Policy

/// The one place where bytes from inside become a host name or an address.
public enum HostNames {
    /// A host as a program wrote it in a proxy request.
    enum Host: Hashable {
        case name(String)
        case address(IPv4Address)
    }

    /// The name in its one spelling, or nil for what no host is called (`HostName`).
    public static func name(_ bytes: some Collection<UInt8>) -> String? { try? HostName(untrusted: bytes).text }

    /// A name, or an address in dotted decimal; nil for anything else, other spellings of addresses included.
    static func host(_ bytes: some Collection<UInt8>) -> Host? {
        if let address = IPv4Address(String(decoding: bytes, as: UTF8.self)) { return .address(address) }
        return name(bytes).map(Host.name)
    }
}
