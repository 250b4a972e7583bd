/// Where a connection of the sandbox wants to go.
public enum Destination: Hashable, Sendable {
    /// A host name, lower case, without a final dot. Nothing has been resolved.
    case name(String)
    /// An address that the program wrote itself, or learned in another way than from the worker's DNS.
    case address(IPv4Address)
}

/// What a listening socket that is handed to the worker is for.
public enum ListenerKind: Hashable, Sendable {
    /// TCP that the kernel redirected; the destination is asked of the socket (SO_ORIGINAL_DST). Port 53 is DNS.
    case redirect
    /// HTTP CONNECT, absolute-form HTTP requests and SOCKS5, told apart by the first byte.
    case proxy
    /// DNS over UDP.
    case dns
    /// DNS over TCP.
    case dnsStream
    /// Stands for this loopback port of the host.
    case hostPort(UInt16)
}

/// How the sandbox's program reached the gateway.
public enum Via: UInt8, Sendable, CaseIterable {
    /// The kernel's redirection: the program knows nothing of a proxy.
    case redirect = 0
    case socks = 1
    /// HTTP CONNECT.
    case connect = 2
    /// A request with an absolute target (RFC 9112, 3.2.2), sent to the gateway as to a proxy.
    case absoluteForm = 3
    /// A port that stands for one of the host's.
    case hostPort = 4
}

/// What the first bytes of a connection are.
public enum ApplicationProtocol: Hashable, Sendable {
    /// A TLS ClientHello with the name and the application protocols that it asks for (RFC 6066, RFC 7301).
    case tls(serverName: String?, protocols: [String])
    /// An HTTP/1 request in clear text.
    case http
    /// HTTP/2 in clear text with prior knowledge (RFC 9113, 3.3).
    case http2
    /// Something else.
    case other
    /// The client has said nothing, and on this port it need not be the first to speak.
    case silent
    /// Not known yet: a client of a proxy speaks only after the proxy's answer. The supervisor says `deny` where no protocol
    /// could be allowed, else `proceed`; a second `open` of the same connection then names the protocol.
    case awaited
}

/// A connection of the sandbox that waits for a verdict.
public struct Opening: Hashable, Sendable {
    public var destination: Destination
    /// The port the program wanted.
    public var port: UInt16
    public var via: Via
    public var `protocol`: ApplicationProtocol

    public init(destination: Destination, port: UInt16, via: Via, protocol: ApplicationProtocol) {
        self.destination = destination
        self.port = port
        self.via = via
        self.protocol = `protocol`
    }
}
