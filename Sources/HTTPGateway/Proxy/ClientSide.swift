import NIOCore
import NIOHTTP1

/// The client's end of an exchange: an HTTP/1 connection or an HTTP/2 stream. Used on its event loop only.
protocol ClientSide: AnyObject {
    /// Whether more of a response may be given without filling memory.
    var isWritable: Bool { get }
    func sendInformational(_ head: ResponseHead)
    /// Begins the final response. `framing` is what follows; the side says it in its own protocol's way.
    func sendHead(_ head: ResponseHead, framing: BodyFraming, switchesToWebSocket: Bool)
    func sendBody(_ bytes: ByteBuffer)
    /// Ends the response. Called once, also when there is no body.
    func sendEnd(_ trailers: HTTPHeaders?)
    func flush()
    /// The exchange accepts the request's body again.
    func resumeBody()
    /// A response that was begun cannot be ended: the client must see that it is incomplete.
    func abort()
}
