import CoopErrors
import LinuxKernel

/// The hosts and the port that a rule is about: `api.example.com`, `*.example.org:8443`, `203.0.113.7:22`, `[2001:db8::1]`.
public struct HostPattern: Sendable, Hashable {
    /// Which hosts.
    public enum Hosts: Sendable, Hashable {
        /// This name alone.
        case name(HostName)
        /// Every name with at least one label in front of this one, never the name itself.
        case below(HostName)
        /// A direct connection to this address.
        case address(IPAddress)
    }

    public var hosts: Hosts
    /// The only port; nil for 443 and 80, and in a denial for every port.
    public var port: UInt16?

    public init(_ hosts: Hosts, port: UInt16? = nil) {
        self.hosts = hosts
        self.port = port
    }

    /// Reads a pattern from the configuration or the command line.
    public init(parsing text: String) throws(CoopError) {
        let what = "cannot read the host pattern `\(text.printable)`"
        if let scheme = text.utf8Range(of: "://") {
            throw CoopError(
                .configuration, what, "it is a URL",
                next: "write the host alone: `\(HostPattern.hostPart(ofURL: text[scheme.upperBound...]))`")
        }
        let (host, port) = try HostPattern.split(text, what: what)
        self.port = port
        if host == "*" || host == "*." {
            throw CoopError(.configuration, what, "`*` would be every host", next: "coop run --network open")
        }
        if host.hasPrefix("*.") {
            let name = try HostName(configured: host.dropFirst(2), subject: what)
            if name.parent == nil {
                let why = "every name below the top-level domain `\(name)` would be open"
                throw CoopError(.configuration, what, why, next: "name a domain, like `*.example.\(name)`")
            }
            hosts = .below(name)
            return
        }
        if host.utf8.contains(UInt8(ascii: "*")) {
            throw CoopError(.configuration, what, "`*` stands only in front, as `*.`", next: "write `*.example.com` or each host by itself")
        }
        if host.hasPrefix(".") {
            throw CoopError(.configuration, what, "it begins with a dot", next: "write `*\(String(host).printable)`")
        }
        if host.hasPrefix("[") || IPAddress(parsing: host.utf8) != nil {
            guard let address = (try? Destination(untrusted: host.utf8))?.address else {
                throw CoopError(.configuration, what, "there is no IPv6 address in the brackets", next: "write it like `[2001:db8::1]:443`")
            }
            hosts = .address(address)
            return
        }
        hosts = .name(try HostName(configured: host, subject: what))
    }

    /// Whether the pattern is about `destination`, whatever the port.
    public func covers(_ destination: Destination) -> Bool {
        switch (hosts, destination) {
        case (.name(let wanted), .name(let name)): wanted == name
        case (.below(let suffix), .name(let name)): name.isBelow(suffix)
        case (.address(let wanted), .address(let address)): wanted == address
        default: false
        }
    }

    /// Splits `HOST[:PORT]`.
    static func split(_ text: String, what: String) throws(CoopError) -> (host: Substring, port: UInt16?) {
        let bytes = text.utf8
        var host = text[...]
        var written: Substring?
        if text.hasPrefix("[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else {
                throw CoopError(.configuration, what, "the bracket is not closed", next: "write it like `[2001:db8::1]:443`")
            }
            let end = bytes.index(after: close)
            host = text[..<end]
            if end < text.endIndex { written = text[end...] }
        } else if let colon = bytes.lastIndex(of: UInt8(ascii: ":")) {
            host = text[..<colon]
            written = text[colon...]
            if host.utf8.contains(UInt8(ascii: ":")) {
                throw CoopError(.configuration, what, "an IPv6 address stands in brackets", next: "write it like `[2001:db8::1]:443`")
            }
        }
        guard let written else { return (host, nil) }
        let digits = written.dropFirst()
        guard written.hasPrefix(":"), (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(digits), port > 0
        else {
            throw CoopError(
                .configuration, what, "it has no valid port", next: "write a port from 1 to 65535: `\(String(host).printable):443`")
        }
        return (host, port)
    }

    private static func hostPart(ofURL rest: Substring) -> String {
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return String(authority.split(separator: "@").last ?? "api.example.com").printable
    }
}

extension HostPattern: CustomStringConvertible {
    /// The pattern as it is written.
    public var description: String {
        let host =
            switch hosts {
            case .name(let name): name.text
            case .below(let suffix): "*." + suffix.text
            case .address(let address): address.hostText
            }
        return port.map { "\(host):\($0)" } ?? host
    }
}

extension HostPattern: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(parsing: try container.decode(String.self))
        } catch let error as CoopError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension String {
    /// Where an ASCII text first stands; searched byte by byte, as Characters would join it with what follows.
    func utf8Range(of part: StaticString) -> Range<String.Index>? {
        let wanted = part.withUTF8Buffer { Array($0) }
        var start = utf8.startIndex
        while start < utf8.endIndex {
            if utf8[start...].starts(with: wanted) { return start..<utf8.index(start, offsetBy: wanted.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}
