/// A socket that the warden makes inside and hands out, and nobody inside keeps: where the traffic of the sandbox arrives.
public struct ListeningSocket: Codable, Sendable, Hashable {
    /// What a socket is for.
    public enum Purpose: UInt8, Codable, Sendable, CaseIterable {
        /// TCP that the kernel has redirected; the connection knows its original destination (SO_ORIGINAL_DST).
        case redirect = 0
        /// A proxy for programs that prefer one.
        case proxy = 1
        /// DNS over UDP.
        case dns = 2
        /// Stands for the host's loopback port of the same number.
        case hostPort = 3
        /// Takes a port, so that nobody inside can. Nothing arrives here.
        case reserved = 4
    }

    public var purpose: Purpose
    public var port: UInt16
    public var isIPv6: Bool

    public init(_ purpose: Purpose, port: UInt16, isIPv6: Bool = false) {
        self.purpose = purpose
        self.port = port
        self.isIPv6 = isIPv6
    }

    /// Whether it takes datagrams.
    public var isDatagram: Bool { purpose == .dns }
}

extension ListeningSocket: CustomStringConvertible {
    /// `proxy tcp [::1]:3128`.
    public var description: String {
        let name =
            switch purpose {
            case .redirect: "redirect"
            case .proxy: "proxy"
            case .dns: "dns"
            case .hostPort: "host-port"
            case .reserved: "reserved"
            }
        let address =
            switch (purpose == .reserved, isIPv6) {
            case (false, false): "127.0.0.1"
            case (false, true): "[::1]"
            case (true, false): "0.0.0.0"
            case (true, true): "[::]"
            }
        return "\(name) \(isDatagram ? "udp" : "tcp") \(address):\(port)"
    }
}

extension ListeningSocket: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(purpose.rawValue)
        writer.write(port)
        writer.write(isIPv6)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        guard let purpose = Purpose(rawValue: try reader.read()) else { throw WireError("unknown purpose of a socket") }
        self.purpose = purpose
        port = try reader.read()
        isIPv6 = try reader.readBool()
    }
}
