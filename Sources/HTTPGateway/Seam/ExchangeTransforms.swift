import NIOCore
import NIOHTTP1

/// What one allowed exchange has done to it, besides the injections. Called on the exchange's event loop, in this order.
public protocol ExchangeTransforms: AnyObject {
    /// Whether the response will be read: the request then asks for `identity`, and a response that is compressed all the same is decoded,
    /// or refused where it cannot be.
    var readsResponse: Bool { get }
    /// Changes the head that is about to leave, after the injections (signing, for instance), and looks for what must not
    /// leave: a stub that was not replaced, a secret that was not granted.
    ///
    /// - Throws: `TransformRefusal`; the request is then answered with 403.
    func transformRequestHead(_ head: inout RequestHead) throws
    /// Whether the head depends on the body: the request then waits until its body is known, and `signBody` completes the head. Asked
    /// after `transformRequestHead`.
    var signsBody: Bool { get }
    /// Completes the head of a request whose body is known. The body is not changed any more.
    ///
    /// - Throws: `InjectionError` or `TransformRefusal`; the request is then answered with 403.
    func signBody(_ body: ByteBuffer, _ head: inout RequestHead) throws
    /// The transform of the request's body, or nil to pass it untouched.
    ///
    /// - Throws: `TransformRefusal` for a body that cannot be read.
    func requestBody(for head: RequestHead) throws -> (any BodyTransform)?
    /// Looks for what must not leave in the fields after a body.
    func checkRequestTrailers(_ trailers: HTTPHeaders) throws
    /// Changes a response's head before the client sees it, 1xx heads too.
    func transformResponseHead(_ head: inout ResponseHead) throws
    /// The transform of the response's body, or nil to pass it untouched.
    func responseBody(for head: ResponseHead) -> (any BodyTransform)?
    /// Changes the fields after a response's body.
    func transformResponseTrailers(_ trailers: inout HTTPHeaders)
    /// Whether WebSocket messages are read: the handshake then offers no extension, and frames are taken apart.
    var readsMessages: Bool { get }
    /// A transform that looks through a stream of payloads from the sandbox. What it gives out is not used.
    func outgoingMessages() -> any BodyTransform
    /// A transform of payloads to the sandbox; it is finished after each message, and used for the next.
    func incomingMessages() -> any BodyTransform
}
