import NIOCore
import NIOHTTP1

/// One HTTP/1.1 connection from a client: requests in order, one exchange at a time.
///
/// Pipelined requests wait in the buffer: their answers have to come in order anyway, and each is judged when its turn comes.
final class HTTP1ServerHandler: ChannelDuplexHandler, ClientSide {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Between requests, or in the middle of a head.
        case head
        case body(HTTP1BodyDecoder)
        /// The request is complete; its response is not.
        case answering
        case tunnel
        /// The response is complete; the small rest of the request is thrown away, and the next request follows.
        case discarding(HTTP1BodyDecoder)
        /// The response is complete and the connection will be closed; the rest of the request is thrown away, because a
        /// connection that is closed with unread bytes is reset, and the client would lose the response.
        case draining(Int)
        case closed
    }

    private let connection: ConnectionInfo
    private let loop: LoopContext
    private var context: ChannelHandlerContext?
    private var phase = Phase.head
    private var inbound = ByteBuffer()
    private var outbound = OutboundBuffer()
    private var finder = HeadFinder()
    private var exchange: Exchange?
    private var version = RequestHead.Version.http11
    private var responseFraming = BodyFraming.none
    private var responseBegun = false
    private var keepAlive = true
    private var requests = 0
    private var inputEnded = false
    private var tunnelEnded = false
    private var readHeld = false
    private var isProcessing = false
    private var waitingSince = NIODeadline.now()
    private var idleCheck: RepeatedTask?

    init(_ connection: ConnectionInfo, context: LoopContext) {
        self.connection = connection
        loop = context
    }

    // MARK: ClientSide

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func sendInformational(_ head: ResponseHead) {
        guard context != nil, version == .http11 else { return }
        outbound.withBuffer { HTTP1Writer.write(head, framing: .none, connection: nil, into: &$0) }
    }

    func sendHead(_ head: ResponseHead, framing: BodyFraming, switchesToWebSocket: Bool) {
        guard context != nil else { return }
        responseBegun = true
        responseFraming = framing
        if framing == .none, head.status >= 200, head.status != 204, head.status != 304, exchange?.request.head.method != "HEAD" {
            // HTTP/1 has to say that there is no body; HTTP/2 has said it by ending the stream.
            responseFraming = .length(0)
        } else if framing == .stream || framing == .untilClose {
            responseFraming = version == .http11 ? .stream : .untilClose
            if version == .http10 { keepAlive = false }
        }
        if case .body = phase, !isRestSmall { keepAlive = false }
        let token: StaticString? = switchesToWebSocket ? "Upgrade" : !keepAlive ? "close" : version == .http10 ? "keep-alive" : nil
        outbound.withBuffer { HTTP1Writer.write(head, framing: responseFraming, connection: token, into: &$0) }
        if switchesToWebSocket {
            phase = .tunnel
            keepAlive = false
            flush()
            process()
        }
    }

    func sendBody(_ bytes: ByteBuffer) {
        guard let context, bytes.readableBytes > 0 else { return }
        if responseFraming == .stream, !isTunnel {
            outbound.withBuffer { HTTP1Writer.writeChunkSize(bytes.readableBytes, into: &$0) }
            write(bytes, to: context)
            outbound.withBuffer { $0.writeStaticString("\r\n") }
        } else {
            write(bytes, to: context)
        }
    }

    func sendEnd(_ trailers: HTTPHeaders?) {
        guard let context else { return }
        if responseFraming == .stream, !isTunnel {
            outbound.withBuffer { HTTP1Writer.writeLastChunk(trailers, into: &$0) }
        }
        flush()
        exchange = nil
        waitingSince = .now()
        switch phase {
        case .answering where keepAlive && (!inputEnded || inbound.readableBytes > 0):
            phase = .head
            responseBegun = false
            process()
        case .body(let decoder) where keepAlive && !inputEnded:
            phase = .discarding(decoder)
            process()
        case .body,
            .tunnel where !tunnelEnded && !inputEnded:
            phase = .draining(loop.limits.drainedBody)
            context.close(mode: .output, promise: nil)
            process()
        default: closeAfterWriting()
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
        exchange?.requestFlush()
    }

    func abort() {
        exchange = nil
        close()
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let interval = TimeAmount.seconds(max(1, loop.limits.headSeconds / 4))
        // Kept alive by the task only until the channel is closed, which cancels it.
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value.checkIdle() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) { exchange?.requestFlush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { exchange?.clientWritabilityChanged() }

    func read(context: ChannelHandlerContext) {
        if inbound.readableBytes >= heldBytes { readHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if (event as? ChannelEvent) == .inputClosed {
            inputEnded = true
            process()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        idleCheck?.cancel()
        let exchange = self.exchange
        self.exchange = nil
        self.context = nil
        exchange?.clientGone()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Inside

    /// More than a head may have: one that is too long must be seen to be, not waited for.
    private var heldBytes: Int { loop.limits.head + 1 }

    private func write(_ bytes: ByteBuffer, to context: ChannelHandlerContext) {
        let (first, second) = outbound.add(bytes)
        if let first { context.write(wrapOutboundOut(first), promise: nil) }
        if let second { context.write(wrapOutboundOut(second), promise: nil) }
    }

    private var isTunnel: Bool { if case .tunnel = phase { true } else { false } }

    /// Whether the rest of the request's body is surely coming and small enough to wait for.
    private var isRestSmall: Bool {
        guard let request = exchange?.request, !request.expectsContinue, case .length(let length) = request.framing else { return false }
        return length <= UInt64(loop.limits.drainedBody)
    }

    /// Closes when everything has left: a plain close would throw away what the socket has not taken yet.
    private func closeAfterWriting() {
        guard let context else { return }
        self.phase = .closed
        flush()
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
    }

    private func close() {
        phase = .closed
        inbound.clear()
        context?.close(promise: nil)
    }

    private func checkIdle() {
        let waited = NIODeadline.now() - waitingSince
        switch phase {
        case .head where exchange == nil && waited > .seconds(loop.limits.headSeconds): close()
        case .draining where waited > .seconds(10): close()
        case .discarding where waited > .seconds(loop.limits.headSeconds): close()
        default: break
        }
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        do {
            while try step() {}
        } catch {
            refuse(error as? MessageError ?? .malformed("unreadable"))
            // What is there already is thrown away now: nothing is read while too much is held.
            if case .draining = phase { _ = try? step() }
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
        case .head: return try readHead()
        case .body(var decoder):
            guard let exchange, exchange.acceptsBody else { return false }
            let output = try decoder.decode(&inbound)
            switch output {
            case .bytes(let bytes):
                phase = .body(decoder)
                exchange.receiveBody(bytes)
                return true
            case .end(let trailers):
                phase = .answering
                exchange.receiveEnd(trailers)
                return true
            case nil:
                phase = .body(decoder)
                if inputEnded {
                    self.exchange = nil
                    exchange.clientGone()
                    close()
                } else {
                    exchange.requestFlush()
                }
                return false
            }
        case .answering: return false
        case .tunnel:
            guard let exchange, exchange.acceptsBody else { return false }
            if inbound.readableBytes > 0 {
                let bytes = inbound
                inbound.clear()
                exchange.receiveBody(bytes)
                exchange.requestFlush()
                return true
            }
            if inputEnded, !tunnelEnded {
                tunnelEnded = true
                exchange.receiveEnd(nil)
            }
            return false
        case .discarding(var decoder):
            let output = try decoder.decode(&inbound)
            phase = .discarding(decoder)
            switch output {
            case .bytes: return true
            case .end:
                phase = .head
                responseBegun = false
                return true
            case nil:
                if inputEnded { close() }
                return false
            }
        case .draining(let left):
            let count = inbound.readableBytes
            inbound.clear()
            if inputEnded || count > left { close() } else { phase = .draining(left - count) }
            return false
        case .closed:
            inbound.clear()
            return false
        }
    }

    private func readHead() throws -> Bool {
        guard exchange == nil else { return false }
        // One empty line before a request is forgiven (RFC 9112 §2.2).
        if inbound.readableBytes >= 2, inbound.getInteger(at: inbound.readerIndex, as: UInt16.self) == 0x0D0A {
            inbound.moveReaderIndex(forwardBy: 2)
            if inbound.getInteger(at: inbound.readerIndex, as: UInt16.self) == 0x0D0A { throw MessageError.malformed("empty lines") }
        }
        guard let length = try finder.find(in: inbound, limit: loop.limits.head) else {
            if inputEnded { close() }
            return false
        }
        let parser = HTTP1RequestParser(connection: connection, limits: loop.limits)
        requests += 1
        let stream = requests
        let request = try inbound.withUnsafeReadableBytes {
            try parser.parse(UnsafeRawBufferPointer(rebasing: $0[0..<length]), stream: stream)
        }
        inbound.moveReaderIndex(forwardBy: length)
        if inbound.readableBytes == 0 { inbound.clear() }
        version = request.head.version
        keepAlive = request.keepAlive
        responseBegun = false
        let exchange = Exchange(request, on: connection, client: self, context: loop)
        self.exchange = exchange
        if request.hasBody {
            phase = .body(HTTP1BodyDecoder(request.framing, limits: loop.limits))
        } else {
            phase = .answering
            exchange.receiveEnd(nil)
        }
        exchange.start()
        return true
    }

    private func refuse(_ error: MessageError) {
        loop.report(error.kind, error.detail, on: connection)
        let exchange = self.exchange
        self.exchange = nil
        exchange?.clientGone()
        guard !responseBegun else { return close() }
        keepAlive = false
        // What the client speaks is not known: HTTP/1.1 framing with a length is understood by all.
        let refusal = Refusal(status: error.status, kind: error.kind, reason: error.detail, for: nil)
        sendHead(refusal.head, framing: .length(UInt64(refusal.body.utf8.count)), switchesToWebSocket: false)
        sendBody(ByteBuffer(string: refusal.body))
        responseFraming = .none
        phase = .body(HTTP1BodyDecoder(.untilClose, limits: loop.limits))
        sendEnd(nil)
    }
}
