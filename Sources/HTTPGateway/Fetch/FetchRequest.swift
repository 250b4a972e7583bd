import LinuxKernel
import NIOCore
import NIOHTTP1

/// A request of coop's own, to one server, with its whole body.
public struct FetchRequest: Sendable {
    public var method: String
    public var server: ConnectionInfo
    /// Path and query.
    public var path: String
    public var headers: HTTPHeaders
    public var body: [UInt8]

    /// Sends the request and gathers the whole answer, as `Fetch` describes.
    ///
    /// - Parameters:
    ///   - socket: connected, with nothing sent on it.
    ///   - roots: certificates that the server's is verified with, DER or PEM.
    /// - Returns: a future that fails with `FetchFailure` when there is no whole answer.
    public func send(over socket: Descriptor, roots: [[UInt8]], on eventLoop: any EventLoop) -> EventLoopFuture<JudgeResponse> {
        Fetch.send(self, over: socket, roots: roots, on: eventLoop)
    }

    public init(method: String, server: ConnectionInfo, path: String, headers: HTTPHeaders, body: [UInt8]) {
        self.method = method
        self.server = server
        self.path = path
        self.headers = headers
        self.body = body
    }
}

/// Why there is no answer to a request of coop's own.
public struct FetchFailure: Error, Sendable, Equatable {
    public var reason: String
}
