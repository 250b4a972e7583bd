import NIOCore
import Substitution

/// Decides about every single request, also the second and later ones of a connection that is kept alive.
public protocol RequestJudge: Sendable {
    /// - Returns: a future on any event loop. A failed future counts as a denial: what cannot be judged does not leave.
    func judge(_ request: RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict>
    /// Nobody waits for a verdict any more that was asked for: the client has gone, or has reset its stream.
    func abandon(_ request: RequestHead, on connection: ConnectionInfo)
    /// The answer to a request whose verdict was `collect`.
    ///
    /// - Parameter body: at most `MessageLimits.collectedBody` bytes.
    /// - Returns: a future on any event loop; a failed one is answered with 502.
    func answer(_ request: RequestHead, body: ByteBuffer, on connection: ConnectionInfo) -> EventLoopFuture<JudgeResponse>
    /// Asks for another value of a credential that the upstream has answered with 401. Asked once for a request.
    ///
    /// - Parameters:
    ///   - request: as the client sent it.
    ///   - rejected: what was put in.
    /// - Returns: a future on any event loop, with what the request is sent once more with; nil when the 401 stands.
    func renew(_ request: RequestHead, rejected: Injection, on connection: ConnectionInfo) -> EventLoopFuture<[Injection]?>
}
