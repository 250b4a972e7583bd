import NIOCore
import NIOHTTP1

/// One HTTP/1.1 connection to an upstream: one exchange at a time, then back to the pool.
final class HTTP1ClientHandler: ChannelDuplexHandler, UpstreamSide {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case idle
        case head
        case body(HTTP1BodyDecoder)
        /// After 101: bytes both ways.
        case tunnel
        case closed
    }

    let key: UpstreamPool.Key
    private(set) var isReused = false
    private let pool: LoopContext
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var request: RequestHead?
    private var requestFraming = BodyFraming.none
    private var requestEnded = false
    private var keepAlive = false
    private var phase = Phase.idle
    private var inbound = ByteBuffer()
    private var outbound = OutboundBuffer()
    private var finder = HeadFinder()
    private var informationals = 0
    private var inputEnded = false
    private var inputBroken = false
    private var answered = false
    private var readHeld = false
    private var isProcessing = false
    private var idleSince = NIODeadline.now()

    init(key: UpstreamPool.Key, context: LoopContext) {
        self.key = key
        pool = context
    }

    // MARK: UpstreamSide

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func isUsable(recently: Bool) -> Bool {
        guard case .idle = phase, let context, context.channel.isActive, !inputEnded else { return false }
        return NIODeadline.now() - idleSince < .seconds(recently ? 5 : pool.limits.idleUpstreamSeconds)
    }

    func begin(_ exchange: Exchange, head: RequestHead, framing: BodyFraming, acceptsTrailers: Bool) {
        guard case .idle = phase, context != nil else {
            return exchange.upstreamFailed(Self.silentClose)
        }
        self.exchange = exchange
        request = head
        requestFraming = framing
        requestEnded = false
        keepAlive = true
        answered = false
        informationals = 0
        phase = .head
        outbound.withBuffer { HTTP1Writer.write(head, framing: framing, acceptsTrailers: acceptsTrailers, into: &$0) }
    }

    func sendBody(_ bytes: ByteBuffer) {
        guard let context, bytes.readableBytes > 0 else { return }
        if requestFraming == .stream, !isTunnel {
            outbound.withBuffer { HTTP1Writer.writeChunkSize(bytes.readableBytes, into: &$0) }
            write(bytes, to: context)
            outbound.withBuffer { $0.writeStaticString("\r\n") }
        } else {
            write(bytes, to: context)
        }
    }

    func sendEnd(_ trailers: HTTPHeaders?) {
        guard let context else { return }
        if isTunnel {
            flush()
            return context.close(mode: .output, promise: nil)
        }
        requestEnded = true
        if requestFraming == .stream {
            outbound.withBuffer { HTTP1Writer.writeLastChunk(trailers, into: &$0) }
        }
    }

    func flush() {
        guard let context else { return }
        if let bytes = outbound.take() { context.write(wrapOutboundOut(bytes), promise: nil) }
        context.flush()
    }

    func resumeBody() {
        process()
        // Nothing else will: no read has led here.
        exchange?.responseFlush()
    }

    func abandon() {
        exchange = nil
        phase = .closed
        context?.close(promise: nil)
    }

    func release() {
        guard case .idle = phase, context != nil else { return abandon() }
        pool.pool.release(self)
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) { exchange?.responseFlush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { exchange?.upstreamWritabilityChanged() }

    func read(context: ChannelHandlerContext) {
        if inbound.readableBytes >= heldBytes { readHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if (event as? ChannelEvent) == .inputClosed { ended() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Nothing can be written any more; what was read may still have to be handed over.
        self.context = nil
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, or a TLS connection that ended without saying so. What was read before still counts, but a body that ends
        // with the connection is not complete.
        inputBroken = true
        pool.pool.remove(self)
        context.close(promise: nil)
        ended()
    }

    // MARK: Inside

    /// More than a head may have: one that is too long must be seen to be, not waited for.
    private var heldBytes: Int { pool.limits.head + 1 }
    private static let silentClose = UpstreamFailure(
        kind: .upstream, reason: "the host closed the connection without an answer", isSilentClose: true)

    private func write(_ bytes: ByteBuffer, to context: ChannelHandlerContext) {
        let (first, second) = outbound.add(bytes)
        if let first { context.write(wrapOutboundOut(first), promise: nil) }
        if let second { context.write(wrapOutboundOut(second), promise: nil) }
    }

    private var isTunnel: Bool { if case .tunnel = phase { true } else { false } }

    private func ended() {
        inputEnded = true
        if case .idle = phase {
            pool.pool.remove(self)
            phase = .closed
            context?.close(promise: nil)
            return
        }
        process()
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        do { while try step() {} } catch {
            let error = error as? MessageError ?? .malformed("unreadable")
            let exchange = self.exchange
            abandon()
            exchange?.upstreamFailed(
                UpstreamFailure(kind: error.kind, reason: "the host sent a response that is not valid HTTP/1.1: \(error.detail)"))
        }
        isProcessing = false
        if readHeld, inbound.readableBytes < heldBytes {
            readHeld = false
            context?.read()
        }
    }

    /// One step; false when nothing more can be done now.
    private func step() throws -> Bool {
        switch phase {
        case .idle:
            // Bytes that belong to no request: the connection is out of step.
            if inbound.readableBytes > 0 {
                pool.pool.remove(self)
                abandon()
            }
            return false
        case .head: return try readHead()
        case .body(var decoder):
            guard let exchange, exchange.acceptsResponse else { return false }
            let output = try decoder.decode(&inbound)
            phase = .body(decoder)
            switch output {
            case .bytes(let bytes):
                exchange.receiveResponseBody(bytes)
                return true
            case .end(let trailers):
                finished(trailers)
                return false
            case nil:
                guard inputEnded else { return false }
                if decoder.endsAtClose, !inputBroken {
                    keepAlive = false
                    finished(nil)
                } else {
                    failed("the host closed the connection in the middle of the response")
                }
                return false
            }
        case .tunnel:
            guard let exchange, exchange.acceptsResponse else { return false }
            if inbound.readableBytes > 0 {
                let bytes = inbound
                inbound.clear()
                exchange.receiveResponseBody(bytes)
                return true
            }
            if inputEnded {
                keepAlive = false
                finished(nil)
            }
            return false
        case .closed: return false
        }
    }

    private func readHead() throws -> Bool {
        guard let request, let exchange else { return false }
        guard let length = try finder.find(in: inbound, limit: pool.limits.head) else {
            if inputEnded {
                inbound.readableBytes == 0 && !answered
                    ? failed(Self.silentClose.reason, isSilent: true)
                    : failed("the host closed the connection in the middle of the response")
            }
            return false
        }
        answered = true
        let parser = HTTP1ResponseParser(limits: pool.limits)
        let response = try inbound.withUnsafeReadableBytes {
            try parser.parse(UnsafeRawBufferPointer(rebasing: $0[0..<length]), to: request)
        }
        inbound.moveReaderIndex(forwardBy: length)
        if response.head.status < 200, !response.switchesToWebSocket {
            informationals += 1
            if informationals > 32 { throw MessageError.oversized("too many 1xx responses") }
            exchange.receiveInformational(response.head)
            return true
        }
        keepAlive = response.keepAlive
        phase = response.switchesToWebSocket ? .tunnel : .body(HTTP1BodyDecoder(response.framing, limits: pool.limits))
        exchange.receiveHead(response)
        return true
    }

    private func finished(_ trailers: HTTPHeaders?) {
        let exchange = self.exchange
        self.exchange = nil
        request = nil
        if keepAlive, requestEnded, !inputEnded, inbound.readableBytes == 0, context != nil {
            phase = .idle
            isReused = true
            idleSince = .now()
            inbound.clear()
            pool.pool.release(self)
        } else {
            phase = .closed
            context?.close(promise: nil)
        }
        exchange?.receiveResponseEnd(trailers)
    }

    private func failed(_ reason: String, isSilent: Bool = false) {
        let exchange = self.exchange
        abandon()
        exchange?.upstreamFailed(UpstreamFailure(kind: .upstream, reason: reason, isSilentClose: isSilent))
    }
}
