import CoopErrors
import LinuxKernel

/// An entry of `[network.hosts]`: where connections to a name really go. It also opens private and loopback addresses,
/// because somebody has written down that this name may lead there.
public struct HostOverride: Sendable, Hashable, Codable {
    /// The name or address that the sandbox uses.
    public var host: Destination
    /// Where the gateway connects to instead. The same as `host` to say only that its address may be a private one.
    public var target: Destination
    /// The port it connects to; nil for the one that was asked for.
    public var port: UInt16?
    /// Where it is written.
    public var origin: String

    public init(host: Destination, target: Destination, port: UInt16? = nil, origin: String) {
        self.host = host
        self.target = target
        self.port = port
        self.origin = origin
    }

    /// Reads `"api.example.com" = "127.0.0.1:8443"`; the port may be left out.
    public init(parsing host: String, target: String, origin: String) throws(CoopError) {
        let what = "\(origin): cannot read the host `\(host.printable)` = `\(target.printable)`"
        let (name, none) = try HostPattern.split(host, what: what)
        guard none == nil else {
            throw CoopError(.configuration, what, "the name on the left has no port", next: "write the port on the right alone")
        }
        let (place, port) = try HostPattern.split(target, what: what)
        self.init(
            host: try HostOverride.destination(name, what: what), target: try HostOverride.destination(place, what: what), port: port,
            origin: origin)
        if let address = self.target.address, !AddressClass(address).mayBeOpened {
            throw CoopError(
                .configuration, what, "\(AddressClass(address).rawValue) addresses are closed, whatever names them",
                next: "coop config unset 'network.hosts.\"\(self.host)\"'")
        }
    }

    private static func destination(_ text: Substring, what: String) throws(CoopError) -> Destination {
        if text.hasPrefix("[") || IPAddress(parsing: text.utf8) != nil {
            guard let destination = try? Destination(untrusted: text.utf8) else {
                throw CoopError(.configuration, what, "there is no IPv6 address in the brackets", next: "write it like `[2001:db8::1]`")
            }
            return destination
        }
        return .name(try HostName(configured: text, subject: what))
    }
}

extension HostOverride: CustomStringConvertible {
    /// `api.example.com = 127.0.0.1:8443`
    public var description: String { "\(host) = \(target)" + (port.map { ":\($0)" } ?? "") }
}
