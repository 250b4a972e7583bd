import NIOHTTP1

/// A response's head after the protocol's own checks, the same for HTTP/1 and HTTP/2.
public struct ResponseHead: Sendable, Equatable {
    /// 100…599.
    public var status: Int
    /// The reason phrase; empty from HTTP/2.
    public var reason: String
    /// The end-to-end fields, without framing and hop-by-hop fields.
    public var headers: HTTPHeaders

    public init(status: Int, reason: String = "", headers: HTTPHeaders = [:]) {
        self.status = status
        self.reason = reason
        self.headers = headers
    }
}
