/// How the end of a body is told.
enum BodyFraming: Equatable {
    /// There is no body.
    case none
    /// Exactly so many bytes.
    case length(UInt64)
    /// Chunks in HTTP/1.1, DATA frames in HTTP/2; trailers may follow.
    case stream
    /// Until the sender closes: HTTP/1.0 responses.
    case untilClose

    /// The framing of a request or response over HTTP/2, where fields only announce and END_STREAM decides.
    static func http2(contentLength: UInt64?, ended: Bool) -> BodyFraming {
        if ended { return .none }
        return contentLength.map(BodyFraming.length) ?? .stream
    }
}
