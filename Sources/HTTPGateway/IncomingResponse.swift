/// A response's head as the upstream's connection read it.
struct IncomingResponse {
    var head: ResponseHead
    var framing: BodyFraming
    var keepAlive: Bool
    /// 101 with `Upgrade: websocket`.
    var switchesToWebSocket: Bool
}
