import NIOCore

/// One large request or response, read and thrown away.
final class TransferHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let head: String
    private let done: EventLoopPromise<Void>
    private var bodyLeft: Int
    private let answer: Int
    private var expected: Int?
    private var received = 0
    private var isPouring = false
    private static let piece = ByteBuffer(repeating: 0x62, count: 128 << 10)

    /// - Parameter answer: how long the response's body is at least; a gateway may send it in chunks.
    init(head: String, body: Int, answer: Int, done: EventLoopPromise<Void>) {
        self.head = head
        self.answer = answer
        self.done = done
        bodyLeft = body
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is LoadHandler.Start else { return context.fireUserInboundEventTriggered(event) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
        pour(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        received += bytes.readableBytes
        if expected == nil {
            guard let length = RequestText.headLength(bytes) else { return }
            expected = length + answer
        }
        if let expected, received >= expected { done.succeed() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pour(context) }

    func channelInactive(context: ChannelHandlerContext) { done.fail(ChannelError.eof) }

    private func pour(_ context: ChannelHandlerContext) {
        if isPouring { return }
        isPouring = true
        defer { isPouring = false }
        while bodyLeft > 0, context.channel.isWritable {
            let count = min(bodyLeft, Self.piece.readableBytes)
            bodyLeft -= count
            context.writeAndFlush(wrapOutboundOut(Self.piece.getSlice(at: 0, length: count) ?? Self.piece), promise: nil)
        }
    }
}
