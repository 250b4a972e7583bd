import NIOHTTP1

/// A request's head after the protocol's own checks, the same for HTTP/1 and HTTP/2.
public struct RequestHead: Sendable, Equatable {
    /// How the client spoke.
    public enum Version: Sendable, Equatable {
        case http10, http11, http2
    }
    /// What the exchange is, where that changes how it is treated.
    public enum Kind: Sendable, Equatable {
        case ordinary
        /// A WebSocket handshake (RFC 6455 §4.1): after `101` the connection is a tunnel.
        case webSocket
        /// gRPC over HTTP/2: errors are told by `grpc-status`.
        case grpc
    }

    public var method: String
    /// `https` or `http`; always the connection's own.
    public var scheme: String
    /// The authority that the client wrote, in lower case; it names the connection's destination.
    public var authority: String
    /// Path and query in origin form (RFC 9112 §3.2.1), or `*` for OPTIONS. ASCII: other bytes are percent-encoded.
    public var path: String
    /// The end-to-end fields: without Host, pseudo-header, framing and hop-by-hop fields.
    public var headers: HTTPHeaders
    public var version: Version
    public var kind: Kind
    /// The `Content-Length` that the client wrote, if it did.
    public var contentLength: UInt64?
    /// The HTTP/2 stream, or the number of the request on an HTTP/1 connection, counted from 1.
    public var stream: Int

    public init(
        method: String, scheme: String, authority: String, path: String, headers: HTTPHeaders = [:], version: Version = .http11,
        kind: Kind = .ordinary, stream: Int = 1
    ) {
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.headers = headers
        self.version = version
        self.kind = kind
        self.stream = stream
    }
}
