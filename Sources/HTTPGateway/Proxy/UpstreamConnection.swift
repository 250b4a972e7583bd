/// A connection to an upstream after the handshake.
enum UpstreamConnection {
    case http1(HTTP1ClientHandler)
    case http2(HTTP2ClientConnection)
}
