import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// One stream of a client's HTTP/2 connection: one exchange.
final class HTTP2ServerHandler: ChannelDuplexHandler, ClientSide {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let connection: ConnectionInfo
    private let loop: LoopContext
    private let stream: Int
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var begun = false
    private var requestEnded = false
    private var responseBegun = false
    private var responseEnded = false
    /// What has arrived while the exchange could not take it; bounded by the stream's window.
    private var held = CircularBuffer<Held>()
    private var readHeld = false
    private var isProcessing = false

    private enum Held {
        case bytes(ByteBuffer)
        case end(HTTPHeaders?)
    }

    init(_ connection: ConnectionInfo, stream: Int, context: LoopContext) {
        self.connection = connection
        self.stream = stream
        loop = context
    }

    // MARK: ClientSide

    var isWritable: Bool { context?.channel.isWritable ?? true }

    func sendInformational(_ head: ResponseHead) { sendBlock(head, length: nil, ended: false) }

    func sendHead(_ head: ResponseHead, framing: BodyFraming, switchesToWebSocket: Bool) {
        responseBegun = true
        if case .length(let length) = framing {
            sendBlock(head, length: length, ended: false)
        } else {
            responseEnded = framing == .none
            sendBlock(head, length: nil, ended: framing == .none)
        }
    }

    func sendBody(_ bytes: ByteBuffer) {
        guard let context, bytes.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(bytes)))), promise: nil)
    }

    func sendEnd(_ trailers: HTTPHeaders?) {
        exchange = nil
        guard let context else { return }
        let written = requestEnded ? nil : context.eventLoop.makePromise(of: Void.self)
        // The response is complete; the client need not go on sending (RFC 9113 §8.1). A reset overtakes what still waits for
        // the client's window, so it has to wait too.
        written?.futureResult.assumeIsolated().whenSuccess { self.stopRequest() }
        if responseEnded {
            written?.succeed()
        } else {
            responseEnded = true
            if let trailers {
                context.write(wrapOutboundOut(.headers(.init(headers: HTTP2Trailers.block(trailers), endStream: true))), promise: written)
            } else {
                context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))), promise: written)
            }
        }
        context.flush()
    }

    func flush() { context?.flush() }

    func resumeBody() {
        process()
        // Nothing else will: no read has led here.
        exchange?.requestFlush()
    }

    func abort() {
        exchange = nil
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(.rstStream(.internalError)), promise: nil)
        context.close(promise: nil)
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                if begun {
                    guard headers.endStream else { throw MessageError.smuggling("trailers that do not end the stream") }
                    requestEnded = true
                    held.append(.end(try HTTP2Trailers.parse(headers.headers, limits: loop.limits)))
                } else {
                    try begin(headers)
                }
            case .data(let data):
                if case .byteBuffer(let bytes) = data.data, bytes.readableBytes > 0 { held.append(.bytes(bytes)) }
                if data.endStream {
                    requestEnded = true
                    held.append(.end(nil))
                }
            default: return
            }
            process()
        } catch { refuse(error as? MessageError ?? .malformed("unreadable")) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { exchange?.requestFlush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { exchange?.clientWritabilityChanged() }

    func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { readHeld = true }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let exchange = self.exchange
        self.exchange = nil
        self.context = nil
        held.removeAll()
        exchange?.clientGone()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Inside

    private func begin(_ headers: HTTP2Frame.FramePayload.Headers) throws {
        begun = true
        requestEnded = headers.endStream
        let parser = HTTP2RequestParser(connection: connection, limits: loop.limits)
        let request = try parser.parse(headers.headers, ended: headers.endStream, stream: stream)
        let exchange = Exchange(request, on: connection, client: self, context: loop)
        self.exchange = exchange
        if headers.endStream { exchange.receiveEnd(nil) }
        exchange.start()
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while let first = held.first {
            if let exchange {
                guard exchange.acceptsBody else { break }
                held.removeFirst()
                switch first {
                case .bytes(let bytes): exchange.receiveBody(bytes)
                case .end(let trailers): exchange.receiveEnd(trailers)
                }
            } else {
                held.removeFirst()
            }
        }
        exchange?.requestFlush()
        isProcessing = false
        if readHeld, held.isEmpty {
            readHeld = false
            context?.read()
        }
    }

    private func stopRequest() {
        guard let context, !requestEnded else { return }
        context.writeAndFlush(wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }

    private func refuse(_ error: MessageError) {
        loop.report(error.kind, error.detail, on: connection)
        let exchange = self.exchange
        self.exchange = nil
        exchange?.clientGone()
        held.removeAll()
        guard !responseBegun else { return abort() }
        let refusal = Refusal(status: error.status, kind: error.kind, reason: error.detail, for: nil)
        sendHead(refusal.head, framing: .length(UInt64(refusal.body.utf8.count)), switchesToWebSocket: false)
        sendBody(ByteBuffer(string: refusal.body))
        sendEnd(nil)
    }

    private func sendBlock(_ head: ResponseHead, length: UInt64?, ended: Bool) {
        guard let context else { return }
        var block = HPACKHeaders()
        block.reserveCapacity(head.headers.count + 2)
        block.add(name: ":status", value: String(head.status))
        for field in head.headers { block.add(name: FieldSyntax.lowercased(field.name), value: field.value) }
        if let length { block.add(name: "content-length", value: String(length)) }
        context.write(wrapOutboundOut(.headers(.init(headers: block, endStream: ended))), promise: nil)
    }
}
