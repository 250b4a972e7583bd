import NIOCore

/// Decides about every single request, also the second and later ones of a connection that is kept alive.
public protocol RequestJudge: Sendable {
    /// - Returns: a future on any event loop. A failed future counts as a denial: what cannot be judged does not leave.
    func judge(_ request: RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict>
}
