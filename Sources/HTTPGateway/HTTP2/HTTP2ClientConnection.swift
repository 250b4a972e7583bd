import NIOCore
import NIOHTTP2

/// One HTTP/2 connection to an upstream, shared by the exchanges of that destination.
final class HTTP2ClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    let key: UpstreamPool.Key
    private let loop: LoopContext
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    private var streams = 0
    private var capacity = 100
    private var isDraining = false
    private var idleClose: Scheduled<Void>?
    private(set) var hasServed = false

    private init(
        key: UpstreamPool.Key, context: LoopContext, channel: any Channel, multiplexer: NIOHTTP2Handler.StreamMultiplexer
    ) {
        self.key = key
        loop = context
        self.channel = channel
        self.multiplexer = multiplexer
    }

    static func install(in channel: any Channel, key: UpstreamPool.Key, context: LoopContext) throws -> HTTP2ClientConnection {
        let operations = channel.pipeline.syncOperations
        let multiplexer = try operations.configureHTTP2Pipeline(
            mode: .client, connectionConfiguration: HTTP2Parameters.connection(context.limits, isServer: false),
            streamConfiguration: HTTP2Parameters.stream
        ) { pushed in pushed.close() }
        let connection = HTTP2ClientConnection(key: key, context: context, channel: channel, multiplexer: multiplexer)
        try operations.addHandler(connection)
        return connection
    }

    var hasCapacity: Bool { !isDraining && channel.isActive && streams < capacity }

    /// Opens a stream and hands it over.
    func open(_ completion: @escaping UpstreamPool.Completion) {
        guard hasCapacity else {
            return completion(.failure(UpstreamFailure(kind: .upstream, reason: "the host takes no more streams", isSilentClose: true)))
        }
        streams += 1
        idleClose?.cancel()
        idleClose = nil
        let side = HTTP2ClientHandler(self, context: loop)
        let bound = NIOLoopBound(side, eventLoop: loop.eventLoop)
        multiplexer.createStreamChannel { stream in
            stream.eventLoop.makeCompletedFuture { try stream.pipeline.syncOperations.addHandler(bound.value) }
        }.assumeIsolated().whenComplete { result in
            switch result {
            case .success: completion(.success(side))
            case .failure:
                self.streamClosed()
                completion(.failure(UpstreamFailure(kind: .upstream, reason: "the host closed the connection", isSilentClose: true)))
            }
        }
    }

    func streamClosed() {
        streams -= 1
        hasServed = true
        guard streams == 0 else { return }
        if isDraining {
            channel.close(promise: nil)
        } else {
            idleClose = loop.eventLoop.assumeIsolated().scheduleTask(in: .seconds(loop.limits.idleUpstreamSeconds)) { self.drain() }
        }
    }

    /// No new streams; closes after the last.
    func drain() {
        isDraining = true
        loop.pool.remove(self)
        if streams == 0 { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .goAway: drain()
        case .settings(.settings(let settings)):
            for setting in settings where setting.parameter == .maxConcurrentStreams { capacity = min(setting.value, 1000) }
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isDraining = true
        idleClose?.cancel()
        loop.pool.remove(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Errors of single streams are told to the streams.
        if HTTP2Parameters.isStreamError(error) { return }
        isDraining = true
        loop.pool.remove(self)
        context.close(promise: nil)
    }
}
