import NIOCore

/// One connection of the benchmark's upstream; it reads just enough HTTP for the benchmark's own requests.
final class BenchmarkUpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer = ByteBuffer(
        string: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\nContent-Length: 128\r\n\r\n"
            + String(repeating: "x", count: 128))
    private static let refusal = ByteBuffer(string: "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
    private static let piece = ByteBuffer(repeating: 0x61, count: 128 << 10)

    private var inbound = ByteBuffer()
    private var bodyLeft = 0
    private var pourLeft = 0
    private var isPouring = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if bodyLeft > 0 {
            let count = min(bodyLeft, bytes.readableBytes)
            bodyLeft -= count
            bytes.moveReaderIndex(forwardBy: count)
            if bodyLeft == 0 { context.writeAndFlush(wrapOutboundOut(Self.answer), promise: nil) }
        }
        inbound.writeBuffer(&bytes)
        while let head = RequestText.take(&inbound) {
            if head.method == "POST" {
                bodyLeft = head.length
                let count = min(bodyLeft, inbound.readableBytes)
                bodyLeft -= count
                inbound.moveReaderIndex(forwardBy: count)
                if bodyLeft == 0 { context.write(wrapOutboundOut(Self.answer), promise: nil) }
            } else if let size = head.size {
                pourLeft = size
                context.write(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")), promise: nil)
                pour(context)
            } else {
                context.write(wrapOutboundOut(head.isAuthorised ? Self.answer : Self.refusal), promise: nil)
            }
        }
        if inbound.readableBytes == 0 { inbound.clear() }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pour(context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func pour(_ context: ChannelHandlerContext) {
        if isPouring || pourLeft == 0 { return }
        isPouring = true
        defer { isPouring = false }
        while pourLeft > 0, context.channel.isWritable {
            let count = min(pourLeft, Self.piece.readableBytes)
            pourLeft -= count
            context.writeAndFlush(wrapOutboundOut(Self.piece.getSlice(at: 0, length: count) ?? Self.piece), promise: nil)
        }
    }
}
