import NIOConcurrencyHelpers
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// An HTTP/2 client that sends whatever field block a test wants, with prior knowledge.
final class HTTP2Client: Sendable {
    /// What came back on one stream.
    struct Outcome: Sendable {
        var blocks: [HPACKHeaders] = []
        var body: [UInt8] = []
        var isEnded = false
        var reset: HTTP2ErrorCode?

        var status: String { blocks.first?.first(name: ":status") ?? "" }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame.FramePayload
        typealias OutboundOut = HTTP2Frame.FramePayload

        private var outcome = Outcome()
        private let promise: EventLoopPromise<Outcome>
        private let progress: @Sendable (Outcome, any Channel) -> Void

        init(_ promise: EventLoopPromise<Outcome>, progress: @escaping @Sendable (Outcome, any Channel) -> Void) {
            self.promise = promise
            self.progress = progress
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                outcome.blocks.append(headers.headers)
                outcome.isEnded = headers.endStream
            case .data(let data):
                if case .byteBuffer(let bytes) = data.data { outcome.body += bytes.readableBytesView }
                outcome.isEnded = data.endStream
            case .rstStream(let code): outcome.reset = code
            default: break
            }
            progress(outcome, context.channel)
            if outcome.isEnded { promise.succeed(outcome) }
        }

        func channelInactive(context: ChannelHandlerContext) { promise.succeed(outcome) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

    init(_ port: Int) throws {
        let box = NIOLockedValueBox<NIOHTTP2Handler.StreamMultiplexer?>(nil)
        channel = try ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
                    configuration.headerBlockValidation = .disabled
                    configuration.contentLengthValidation = .disabled
                    let multiplexer = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                        mode: .client, connectionConfiguration: configuration, streamConfiguration: .init()
                    ) { $0.close() }
                    box.withLockedValue { $0 = multiplexer }
                }
            }
            .connect(host: "127.0.0.1", port: port).wait()
        guard let multiplexer = box.withLockedValue({ $0 }) else { throw ChannelError.ioOnClosedChannel }
        self.multiplexer = multiplexer
    }

    deinit {
        try? channel.close().wait()
        try? group.syncShutdownGracefully()
    }

    static func block(_ path: String, method: String = "GET", _ extra: [(String, String)] = []) -> HPACKHeaders {
        HPACKHeaders([(":method", method), (":scheme", "http"), (":authority", "api.example.com"), (":path", path)] + extra)
    }

    /// Sends one request; `pieces` are its DATA frames, `trailers` its end.
    func send(
        _ block: HPACKHeaders, pieces: [[UInt8]] = [], trailers: HPACKHeaders? = nil, ends: Bool = true,
        progress: @escaping @Sendable (Outcome, any Channel) -> Void = { _, _ in }
    ) -> EventLoopFuture<Outcome> {
        let promise = channel.eventLoop.makePromise(of: Outcome.self)
        // A bug must fail a test, not hang it.
        channel.eventLoop.scheduleTask(in: .seconds(60)) { promise.fail(ChannelError.connectTimeout(.seconds(60))) }
        multiplexer.createStreamChannel { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(Collector(promise, progress: progress))
            }
        }.whenSuccess { stream in
            let isBare = pieces.isEmpty && trailers == nil
            stream.writeAndFlush(HTTP2Frame.FramePayload.headers(.init(headers: block, endStream: isBare && ends)), promise: nil)
            for (index, piece) in pieces.enumerated() {
                let isLast = index == pieces.count - 1 && trailers == nil && ends
                stream.writeAndFlush(
                    HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer(bytes: piece)), endStream: isLast)), promise: nil)
            }
            if let trailers {
                stream.writeAndFlush(HTTP2Frame.FramePayload.headers(.init(headers: trailers, endStream: true)), promise: nil)
            }
        }
        return promise.futureResult
    }
}
