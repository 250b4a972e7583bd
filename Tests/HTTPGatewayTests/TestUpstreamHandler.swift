import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Answers by path: `/echo` what it received, `/size/N` N bytes, `/count` how many bytes came, `/events` server-sent events,
/// `/guarded` (401 without `Bearer second`), `/trailers`, `/reset`, `/early` (an answer before the body), `/bidi` (each piece back at once), `/status/N`.
final class TestUpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: NIOLockedValueBox<[String]>
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var count = 0
    private var left = 0
    private var isPouring = false

    init(_ log: NIOLockedValueBox<[String]>) { self.log = log }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            count = 0
            let fields = head.headers.map { "\($0.name.lowercased()): \($0.value)" }.sorted().joined(separator: "\n")
            log.withLockedValue { $0.append("\(head.method) \(head.uri)\n\(fields)") }
            if head.headers["expect"].first == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
            }
            switch head.uri {
            case "/early":
                respond(context, status: .payloadTooLarge, text: "too large")
            case "/bidi":
                context.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok))), promise: nil)
            case "/reset": context.close(promise: nil)
            default: break
            }
        case .body(var bytes):
            count += bytes.readableBytes
            if head?.uri == "/bidi" { return context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }
            if head?.uri != "/count" { body.writeBuffer(&bytes) }
        case .end(let trailers): ended(context, trailers)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { if left > 0 { pour(context) } }

    private func ended(_ context: ChannelHandlerContext, _ trailers: HTTPHeaders?) {
        guard let head else { return }
        let parts = head.uri.split(separator: "/")
        switch parts.first {
        case "size":
            left = Int(parts.last ?? "") ?? 0
            let headers: HTTPHeaders = ["Content-Length": String(left)]
            context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
            if head.method == .HEAD {
                left = 0
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            } else {
                pour(context)
            }
        case "count": respond(context, text: String(count))
        case "guarded":
            let isKnown = head.headers["authorization"].first == "Bearer second"
            respond(context, status: isKnown ? .ok : .unauthorized, text: isKnown ? String(buffer: body) : "no\n")
        case "early", "reset": break
        case "status": respond(context, status: .init(statusCode: Int(parts.last ?? "") ?? 200), text: "")
        case "events":
            let headers: HTTPHeaders = ["Content-Type": "text/event-stream"]
            context.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "data: first\n\n")))), promise: nil)
        case "bidi": context.writeAndFlush(wrapOutboundOut(.end(["grpc-status": "0"])), promise: nil)
        case "trailers":
            context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(["x-sum": trailers?["x-part"].first ?? "none"])), promise: nil)
        default:
            var text = "\(head.method) \(head.uri)\n"
            for field in head.headers { text += "\(field.name.lowercased()): \(field.value)\n" }
            text += "\n" + String(buffer: body)
            respond(context, text: text)
        }
    }

    private func respond(_ context: ChannelHandlerContext, status: HTTPResponseStatus = .ok, text: String) {
        var headers: HTTPHeaders = ["X-Upstream": "test"]
        if status != .noContent && status != .notModified { headers.add(name: "Content-Length", value: String(text.utf8.count)) }
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
        if !text.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func pour(_ context: ChannelHandlerContext) {
        // A write may report writability before it returns.
        if isPouring { return }
        isPouring = true
        defer { isPouring = false }
        let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)
        while left > 0, context.channel.isWritable {
            let size = min(left, piece.readableBytes)
            left -= size
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece.getSlice(at: 0, length: size) ?? piece))), promise: nil)
        }
        if left == 0 { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
    }
}
