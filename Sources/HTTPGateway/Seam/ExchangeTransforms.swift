/// What one allowed exchange has done to it, besides the injections. Called on the exchange's event loop, in this order.
public protocol ExchangeTransforms: AnyObject {
    /// Whether the response will be read: the request then asks for `identity`, and an encoded response is refused.
    var readsResponse: Bool { get }
    /// Changes the head that is about to leave, after the injections (signing, for instance), and looks for what must not
    /// leave: a stub that was not replaced, a secret that was not granted.
    ///
    /// - Throws: `TransformRefusal`; the request is then answered with 403.
    func transformRequestHead(_ head: inout RequestHead) throws
    /// The transform of the request's body, or nil to pass it untouched. Trailers count as its end.
    func requestBody(for head: RequestHead) -> (any BodyTransform)?
    /// Changes a response's head before the client sees it, 1xx heads too.
    func transformResponseHead(_ head: inout ResponseHead) throws
    /// The transform of the response's body, or nil to pass it untouched.
    func responseBody(for head: ResponseHead) -> (any BodyTransform)?
}
