import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// One stream to an upstream: one exchange.
final class HTTP2ClientHandler: ChannelDuplexHandler, UpstreamSide {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    let isReused: Bool
    private let connection: HTTP2ClientConnection
    private let loop: LoopContext
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var request: RequestHead?
    private var requestEnded = false
    private var answered = false
    private var headRead = false
    private var hasBody = false
    private var isOver = false
    private var isClosed = false
    private var informationals = 0
    private var held = CircularBuffer<Held>()
    private var readHeld = false
    private var isProcessing = false

    private enum Held {
        case bytes(ByteBuffer)
        case end(HTTPHeaders?)
    }

    init(_ connection: HTTP2ClientConnection, context: LoopContext) {
        self.connection = connection
        loop = context
        isReused = connection.hasServed
    }

    // MARK: UpstreamSide

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func begin(_ exchange: Exchange, head: RequestHead, framing: BodyFraming, acceptsTrailers: Bool) {
        guard let context, !isOver else { return exchange.upstreamFailed(Self.silentClose) }
        self.exchange = exchange
        request = head
        var block = HPACKHeaders()
        block.reserveCapacity(head.headers.count + 6)
        block.add(name: ":method", value: head.method)
        block.add(name: ":scheme", value: head.scheme)
        block.add(name: ":authority", value: head.authority)
        block.add(name: ":path", value: head.path)
        for field in head.headers { block.add(name: FieldSyntax.lowercased(field.name), value: field.value) }
        if case .length(let length) = framing { block.add(name: "content-length", value: String(length)) }
        if acceptsTrailers { block.add(name: "te", value: "trailers") }
        requestEnded = framing == .none || framing == .length(0)
        context.write(wrapOutboundOut(.headers(.init(headers: block, endStream: requestEnded))), promise: nil)
    }

    func sendBody(_ bytes: ByteBuffer) {
        guard let context, bytes.readableBytes > 0, !requestEnded else { return }
        context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(bytes)))), promise: nil)
    }

    func sendEnd(_ trailers: HTTPHeaders?) {
        guard let context, !requestEnded else { return }
        requestEnded = true
        if let trailers {
            context.write(wrapOutboundOut(.headers(.init(headers: HTTP2Trailers.block(trailers), endStream: true))), promise: nil)
        } else {
            context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))), promise: nil)
        }
    }

    func flush() { context?.flush() }

    func resumeBody() {
        process()
        // Nothing else will: no read has led here.
        exchange?.responseFlush()
    }

    func abandon() {
        exchange = nil
        isOver = true
        held.removeAll()
        // Closing a stream that is open resets it with CANCEL.
        context?.close(promise: nil)
    }

    func release() { abandon() }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                answered = true
                if headRead {
                    held.append(.end(try HTTP2Trailers.parse(headers.headers, limits: loop.limits)))
                } else {
                    try readHead(headers)
                }
            case .data(let data):
                if case .byteBuffer(let bytes) = data.data, bytes.readableBytes > 0 {
                    guard hasBody else { throw MessageError.malformed("a body where there is none") }
                    held.append(.bytes(bytes))
                }
                if data.endStream { held.append(.end(nil)) }
            default: return
            }
            process()
        } catch {
            let error = error as? MessageError ?? .malformed("unreadable")
            fail(UpstreamFailure(kind: error.kind, reason: "the host sent a response that is not valid HTTP/2: \(error.detail)"))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { exchange?.responseFlush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { exchange?.upstreamWritabilityChanged() }

    func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { readHeld = true }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        if !isClosed {
            isClosed = true
            connection.streamClosed()
        }
        // A complete response may still wait for its client.
        if case .end? = held.last { return process() }
        fail(answered ? UpstreamFailure(kind: .upstream, reason: "the host broke the stream off") : Self.silentClose)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(answered ? UpstreamFailure(kind: .upstream, reason: "the host broke the stream off") : Self.silentClose)
    }

    // MARK: Inside

    private static let silentClose = UpstreamFailure(
        kind: .upstream, reason: "the host closed the stream without an answer", isSilentClose: true)

    private func readHead(_ headers: HTTP2Frame.FramePayload.Headers) throws {
        guard let exchange, let request else { return }
        let response = try HTTP2ResponseParser(limits: loop.limits).parse(headers.headers, ended: headers.endStream, to: request)
        if response.head.status < 200 {
            informationals += 1
            if informationals > 32 { throw MessageError.oversized("too many 1xx responses") }
            exchange.receiveInformational(response.head)
            return
        }
        headRead = true
        hasBody = response.framing != .none
        exchange.receiveHead(response)
        if headers.endStream { held.append(.end(nil)) }
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while let exchange, exchange.acceptsResponse, let first = held.popFirst() {
            switch first {
            case .bytes(let bytes): exchange.receiveResponseBody(bytes)
            case .end(let trailers):
                self.exchange = nil
                isOver = true
                // The rest of a request that the upstream has already answered is not sent.
                if !requestEnded { context?.close(promise: nil) }
                exchange.receiveResponseEnd(trailers)
            }
        }
        isProcessing = false
        if readHeld, held.isEmpty {
            readHeld = false
            context?.read()
        }
    }

    private func fail(_ failure: UpstreamFailure) {
        let exchange = self.exchange
        abandon()
        exchange?.upstreamFailed(failure)
    }
}
