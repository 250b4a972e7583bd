import Certificates
import NIOCore
import NIOSSL
import NIOTLS

/// Brings a new connection to an upstream to the point where it can carry requests: TLS, verification, choice of protocol.
final class UpstreamSetup: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ConnectionInfo
    private let context: LoopContext
    private let verification: ChainVerification
    private let tls: NIOSSLClientHandler?
    private var completion: ((Result<UpstreamConnection, UpstreamFailure>) -> Void)?
    private var timeout: Scheduled<Void>?

    init(
        _ connection: ConnectionInfo, offersHTTP2: Bool, context: LoopContext,
        completion: @escaping (Result<UpstreamConnection, UpstreamFailure>) -> Void
    ) throws {
        self.connection = connection
        self.context = context
        self.completion = completion
        verification = ChainVerification(name: connection.name)
        tls =
            connection.isSecure
            ? try context.upstreamTLS.handler(for: connection, offersHTTP2: offersHTTP2, verification: verification) : nil
    }

    func install(in channel: any Channel) throws {
        let operations = channel.pipeline.syncOperations
        if let tls { try operations.addHandler(tls) }
        try operations.addHandler(self)
    }

    func handlerAdded(context handler: ChannelHandlerContext) {
        let seconds = context.limits.handshakeSeconds
        timeout = handler.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) {
            self.fail(UpstreamFailure(kind: .upstream, status: 504, reason: "the host did not answer the handshake within \(seconds) s"))
            handler.close(promise: nil)
        }
        if handler.channel.isActive { started(handler) }
    }

    func channelActive(context handler: ChannelHandlerContext) {
        handler.fireChannelActive()
        started(handler)
    }

    func userInboundEventTriggered(context handler: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent {
            handshakeCompleted(negotiated, handler)
        } else {
            handler.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context handler: ChannelHandlerContext, error: any Error) {
        fail(explain(error))
        handler.close(promise: nil)
    }

    func channelInactive(context handler: ChannelHandlerContext) {
        fail(UpstreamFailure(kind: .upstream, reason: "the host closed the connection during the handshake"))
        handler.fireChannelInactive()
    }

    func fail(_ failure: UpstreamFailure) { finish(.failure(failure)) }

    private func started(_ handler: ChannelHandlerContext) {
        guard !connection.isSecure, completion != nil else { return }
        ready(handler, isHTTP2: connection.transport == .cleartextHTTP2)
    }

    private func handshakeCompleted(_ negotiated: String?, _ handler: ChannelHandlerContext) {
        if let address = IPv4Literal.bytes(connection.name) {
            let facts = tls?.peerCertificate.flatMap { try? CertificateFacts(der: $0.toDERBytes()) }
            guard facts?.addresses.contains(address) ?? false else {
                fail(UpstreamFailure(kind: .certificate, reason: ChainVerification.nameMismatch(facts, name: connection.name)))
                return handler.close(promise: nil)
            }
        }
        ready(handler, isHTTP2: negotiated == "h2")
    }

    private func ready(_ handler: ChannelHandlerContext, isHTTP2: Bool) {
        let result: UpstreamConnection
        do {
            let operations = handler.pipeline.syncOperations
            if isHTTP2 {
                result = .http2(try HTTP2ClientConnection.install(in: handler.channel, key: .init(connection), context: context))
            } else {
                let side = HTTP1ClientHandler(key: .init(connection), context: context)
                try operations.addHandler(side)
                result = .http1(side)
            }
            operations.removeHandler(self, promise: nil)
        } catch {
            fail(UpstreamFailure(kind: .upstream, reason: "the connection to the host failed"))
            return handler.close(promise: nil)
        }
        finish(.success(result))
    }

    private func finish(_ result: Result<UpstreamConnection, UpstreamFailure>) {
        timeout?.cancel()
        timeout = nil
        let completion = self.completion
        self.completion = nil
        completion?(result)
    }

    private func explain(_ error: any Error) -> UpstreamFailure {
        if let reason = verification.reason { return UpstreamFailure(kind: .certificate, reason: reason) }
        if (error as? NIOSSLExtraError) == .failedToValidateHostname {
            let facts = tls?.peerCertificate.flatMap { try? CertificateFacts(der: $0.toDERBytes()) }
            return UpstreamFailure(kind: .certificate, reason: ChainVerification.nameMismatch(facts, name: connection.name))
        }
        if error is IOError { return UpstreamFailure(kind: .upstream, reason: "the host reset the connection") }
        return UpstreamFailure(kind: .certificate, reason: "the TLS handshake with the host failed (TLS 1.2 or newer is needed)")
    }
}
