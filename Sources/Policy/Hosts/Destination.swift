/// Where a connection is to go: a name or an address, never something in between.
public enum Destination: Sendable, Hashable {
    case name(HostName)
    case address(IPAddress)

    /// Reads the host of a CONNECT line, a SOCKS request, a `Host` header or a URL, without its port; IPv6 in brackets or
    /// bare. Forms of addresses that clients read differently (`127.1`, `0x7f.1`, `2130706433`) are refused.
    public init(untrusted bytes: some Collection<UInt8>) throws(HostNameProblem) {
        if bytes.first == UInt8(ascii: "[") {
            let inner = bytes.dropFirst().dropLast()
            guard bytes.count > 2, Array(bytes.suffix(1)) == [UInt8(ascii: "]")], inner.contains(UInt8(ascii: ":")),
                let address = IPAddress(parsing: inner)
            else { throw .address }
            self = .address(address)
        } else if let address = IPAddress(parsing: bytes) {
            self = .address(address)
        } else {
            self = .name(try HostName(untrusted: bytes))
        }
    }

    /// The name; nil for an address.
    public var name: HostName? {
        if case .name(let name) = self { return name }
        return nil
    }

    /// The address; nil for a name.
    public var address: IPAddress? {
        if case .address(let address) = self { return address }
        return nil
    }
}

extension Destination: CustomStringConvertible {
    /// As it stands in front of a port: IPv6 in brackets.
    public var description: String {
        switch self {
        case .name(let name): name.text
        case .address(let address): address.hostText
        }
    }
}

extension Destination: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(untrusted: try container.decode(String.self).utf8)
        } catch let problem as HostNameProblem {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "neither a name nor an address: \(problem)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
