import NIOCore

/// One connection of the load: request, response, request, response.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Start: Sendable {}
    struct Outcome: Sendable {
        var latencies: [Int64]
        var failures: Int
    }

    private let request: ByteBuffer
    private var inbound = ByteBuffer()
    private var sent = NIODeadline.now()
    private var latencies: [Int64] = []
    private var failures = 0
    private var isStopped = false

    init(authorises: Bool) {
        request = ByteBuffer(
            string: "GET /v1/models HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: load\r\nAccept: */*\r\n"
                + (authorises ? "Authorization: Bearer \(Benchmark.secret)\r\n" : "") + "\r\n")
        latencies.reserveCapacity(1 << 16)
    }

    /// Begins to count anew.
    func forget() {
        latencies.removeAll(keepingCapacity: true)
        failures = 0
    }

    func stop() -> Outcome {
        isStopped = true
        return Outcome(latencies: latencies, failures: failures)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Start { send(context) } else { context.fireUserInboundEventTriggered(event) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        inbound.writeBuffer(&bytes)
        // Every response is small: a head and 128 bytes.
        guard let head = RequestText.headLength(inbound), inbound.readableBytes >= head + 128 else { return }
        if inbound.getString(at: inbound.readerIndex, length: 12) != "HTTP/1.1 200" { failures += 1 }
        inbound.clear()
        latencies.append((NIODeadline.now() - sent).nanoseconds)
        if !isStopped { send(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { failures += 1 }

    private func send(_ context: ChannelHandlerContext) {
        sent = .now()
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }
}
