/// One connection accepted from inside the sandbox: who it is for, as the gateway already knows before the first request.
public struct ConnectionInfo: Sendable, Hashable {
    /// What the first bytes of the connection were.
    public enum Transport: Sendable, Hashable {
        /// A TLS ClientHello, whose SNI the worker has compared with `name`; ALPN decides between HTTP/2 and HTTP/1.1.
        case tls
        /// HTTP/1 in clear text.
        case cleartext
        /// The HTTP/2 preface in clear text (prior knowledge, RFC 9113 §3.3).
        case cleartextHTTP2
    }

    /// The worker's number for the connection; every incident and verdict names it.
    public var id: UInt64
    /// The destination: a lower-case host name without a trailing dot, or a literal IPv4 address.
    public var name: String
    /// The destination's TCP port.
    public var port: UInt16
    public var transport: Transport

    public init(id: UInt64, name: String, port: UInt16, transport: Transport) {
        self.id = id
        self.name = name
        self.port = port
        self.transport = transport
    }

    /// Whether the connection is encrypted on both sides.
    public var isSecure: Bool { transport == .tls }
    /// `https` or `http`.
    public var scheme: String { isSecure ? "https" : "http" }
    /// The authority as a client writes it: the port is left out when it is the scheme's own.
    public var authority: String { port == (isSecure ? 443 : 80) ? name : "\(name):\(port)" }
}
