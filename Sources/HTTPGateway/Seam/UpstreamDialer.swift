import LinuxKernel
import NIOCore

/// Gives connected sockets; the worker itself cannot make any.
public protocol UpstreamDialer: Sendable {
    /// A connected TCP (or Unix stream) socket to the connection's destination, on which nothing has been sent.
    ///
    /// A failed future becomes a 502 that carries `DialFailure.reason`.
    func dial(_ connection: ConnectionInfo) -> EventLoopFuture<Descriptor>
}
