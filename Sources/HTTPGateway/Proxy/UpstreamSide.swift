import NIOCore
import NIOHTTP1

/// The upstream's end of an exchange: an HTTP/1 connection or an HTTP/2 stream. Used on its event loop only.
protocol UpstreamSide: AnyObject {
    var isWritable: Bool { get }
    /// Whether it has served another exchange before: then it may turn out to be closed.
    var isReused: Bool { get }
    /// Begins. From now on the side tells `exchange` what comes back.
    func begin(_ exchange: Exchange, head: RequestHead, framing: BodyFraming, acceptsTrailers: Bool)
    func sendBody(_ bytes: ByteBuffer)
    func sendEnd(_ trailers: HTTPHeaders?)
    func flush()
    /// The exchange accepts the response's body again.
    func resumeBody()
    /// The exchange is over for its client; nothing more is told to it.
    func abandon()
    /// Gives the side back without having begun.
    func release()
}
