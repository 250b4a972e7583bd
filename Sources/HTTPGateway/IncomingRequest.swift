/// A request as its client's connection read it.
struct IncomingRequest {
    var head: RequestHead
    var framing: BodyFraming
    /// Whether the client lets the connection live after this exchange.
    var keepAlive: Bool
    /// `TE: trailers`.
    var acceptsTrailers: Bool
    /// `Expect: 100-continue`: the client may be waiting before it sends the body.
    var expectsContinue: Bool

    /// Whether bytes follow the head. If not, the request has ended with it.
    var hasBody: Bool { framing != .none && framing != .length(0) }
}
