/// Bounds on what one message may make the gateway hold in memory.
public struct MessageLimits: Sendable, Equatable {
    /// Bytes of a whole head: start line and all fields.
    public var head = 64 << 10
    /// Bytes of a request target.
    public var target = 16 << 10
    /// Bytes of one field's value.
    public var field = 16 << 10
    /// Number of fields in a head or in trailers.
    public var fields = 200
    /// Bytes of all trailers.
    public var trailers = 16 << 10
    /// Bytes of one chunk's size line, extensions included; extensions are dropped.
    public var chunkLine = 256
    /// Concurrent HTTP/2 streams of one connection.
    public var streams = 128
    /// A transformed request body up to this size is held, so that it can be sent with a `Content-Length`; others are chunked.
    public var heldBody = 256 << 10
    /// A request body that a signature covers is held up to this size.
    public var signedBody = 16 << 20
    /// All bodies that are held at one time.
    public var heldBodies = 128 << 20
    /// A request body that the judge reads whole.
    public var collectedBody = 64 << 10
    /// The body of a response to coop's own request.
    public var fetchedBody = 256 << 10
    /// What is read and thrown away of a body that was refused, before the connection is closed.
    public var drainedBody = 256 << 10
    /// Seconds for a client to finish a head that it began, or to begin one on an idle connection.
    public var headSeconds: Int64 = 120
    /// Seconds for the TLS handshake with the upstream.
    public var handshakeSeconds: Int64 = 30
    /// Seconds an idle upstream connection is kept.
    public var idleUpstreamSeconds: Int64 = 60
    /// Idle upstream connections kept for one destination. Fewer than a client's connections would mean a TLS handshake for
    /// most requests.
    public var idleUpstreams = 256

    public init() {}
}
