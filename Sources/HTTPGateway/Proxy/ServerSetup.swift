import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS

/// Brings a connection from inside to the point where requests are read: TLS, choice of protocol.
final class ServerSetup: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ConnectionInfo
    private let context: LoopContext
    private var timeout: Scheduled<Void>?

    private init(_ connection: ConnectionInfo, context: LoopContext) {
        self.connection = connection
        self.context = context
    }

    static func install(in channel: any Channel, _ connection: ConnectionInfo, alreadyRead: [UInt8], context: LoopContext) throws {
        let operations = channel.pipeline.syncOperations
        if !alreadyRead.isEmpty { try operations.addHandler(AlreadyRead(alreadyRead)) }
        switch connection.transport {
        case .tls:
            guard let leaves = context.leaves else { throw ChannelError.operationUnsupported }
            try operations.addHandler(NIOSSLServerHandler(context: leaves.context(for: connection.name)))
            try operations.addHandler(ServerSetup(connection, context: context))
        case .cleartext: try operations.addHandler(HTTP1ServerHandler(connection, context: context))
        case .cleartextHTTP2: try installHTTP2(in: channel, connection, context: context)
        }
    }

    func handlerAdded(context handler: ChannelHandlerContext) {
        timeout = handler.eventLoop.assumeIsolated().scheduleTask(in: .seconds(context.limits.handshakeSeconds)) {
            handler.close(promise: nil)
        }
    }

    func handlerRemoved(context handler: ChannelHandlerContext) { timeout?.cancel() }

    func userInboundEventTriggered(context handler: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else {
            return handler.fireUserInboundEventTriggered(event)
        }
        do {
            if negotiated == "h2" {
                try Self.installHTTP2(in: handler.channel, connection, context: context)
            } else {
                try handler.pipeline.syncOperations.addHandler(HTTP1ServerHandler(connection, context: context))
            }
            handler.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch { handler.close(promise: nil) }
    }

    func errorCaught(context handler: ChannelHandlerContext, error: any Error) {
        // The client does not trust the authority, or speaks no TLS that we do.
        context.report(.malformed, "the TLS handshake with the client failed", on: connection)
        handler.close(promise: nil)
    }

    private static func installHTTP2(in channel: any Channel, _ connection: ConnectionInfo, context: LoopContext) throws {
        let operations = channel.pipeline.syncOperations
        let counter = NIOLoopBoundBox(0, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        _ = try operations.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: HTTP2Parameters.connection(context.limits, isServer: true),
            streamConfiguration: HTTP2Parameters.stream
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                counter.value += 1
                let handler = HTTP2ServerHandler(connection, stream: 2 * counter.value - 1, context: bound.value)
                try stream.pipeline.syncOperations.addHandler(handler)
            }
        }
        try operations.addHandler(HTTP2ServerConnection(connection, context: context))
    }
}
