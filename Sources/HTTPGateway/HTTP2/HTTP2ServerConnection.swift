import NIOCore
import NIOHTTP2

/// The end of a client's HTTP/2 connection: reports what broke it, and closes it when it has been idle for long.
final class HTTP2ServerConnection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let connection: ConnectionInfo
    private let loop: LoopContext
    private var lastActivity = NIODeadline.now()
    private var streams = 0
    private var idleCheck: RepeatedTask?

    init(_ connection: ConnectionInfo, context: LoopContext) {
        self.connection = connection
        loop = context
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let limit = TimeAmount.seconds(loop.limits.headSeconds)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleRepeatedTask(initialDelay: limit, delay: limit) { _ in
            let (handler, context) = bound.value
            if handler.streams == 0, NIODeadline.now() - handler.lastActivity >= limit { context.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { idleCheck?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is NIOHTTP2StreamCreatedEvent: streams += 1
        case is StreamClosedEvent:
            streams -= 1
            lastActivity = .now()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if HTTP2Parameters.isStreamError(error) {
            if HTTP2Parameters.isLengthError(error) {
                loop.report(.smuggling, "a body that is not as long as it says", on: connection)
            }
            return
        }
        // A socket or TLS connection that simply ended is no incident.
        if error is any NIOHTTP2Error { loop.report(.malformed, "the HTTP/2 connection broke the protocol", on: connection) }
        context.close(promise: nil)
    }
}
