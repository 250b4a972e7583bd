import Certificates
import Glibc
import LinuxKernel
import NIOCore
import NIOPosix

/// Terminates HTTP connections from inside a sandbox: TLS with the sandbox's own authority, every request judged, secrets put
/// in, and a verified connection to the real host.
///
/// It opens no file and makes no socket. Connections from inside come by `serve`, connections to the outside by the
/// `UpstreamDialer`. Docs: docs/architecture.md, "Terminated HTTP".
public final class TerminatingProxy: Sendable {
    public struct Configuration: Sendable {
        /// The sandbox's authority, whose certificate is trusted inside.
        public var authority: CertificateAuthority
        /// What upstreams are verified against: the system's roots and the user's own, each DER or PEM.
        public var roots: [[UInt8]]
        public var limits = MessageLimits()

        public init(authority: CertificateAuthority, roots: [[UInt8]], limits: MessageLimits = .init()) {
            self.authority = authority
            self.roots = roots
            self.limits = limits
        }
    }

    private let contexts: [NIOLoopBound<LoopContext>]
    private let group: any EventLoopGroup

    /// - Parameters:
    ///   - group: event loops of swift-nio's POSIX transport; one is enough.
    ///   - transforms: nil when bodies and heads pass as they are.
    ///   - report: called on an event loop, for the audit log; it must not block.
    /// - Throws: when a root is not a certificate.
    public init(
        _ configuration: Configuration, group: any EventLoopGroup, judge: any RequestJudge, dialer: any UpstreamDialer,
        transforms: (any TransformProvider)? = nil, report: @escaping @Sendable (Incident) -> Void
    ) throws {
        self.group = group
        contexts = try group.makeIterator().map { eventLoop in
            try eventLoop.submit {
                NIOLoopBound(
                    try LoopContext(
                        eventLoop: eventLoop, authority: configuration.authority, roots: configuration.roots, limits: configuration.limits,
                        judge: judge, dialer: dialer, transforms: transforms, report: report), eventLoop: eventLoop)
            }.wait()
        }
    }

    /// Serves one accepted connection until it is closed.
    ///
    /// - Parameters:
    ///   - descriptor: a connected stream socket; the proxy keeps a duplicate of its own, so the caller lets go of this one:
    ///     while anybody holds it, the peer does not see the end.
    ///   - alreadyRead: what the worker has taken from the socket before it knew the protocol.
    /// - Returns: a future that succeeds when the connection is closed, whatever the reason.
    @discardableResult
    public func serve(_ descriptor: Descriptor, _ connection: ConnectionInfo, alreadyRead: [UInt8] = []) -> EventLoopFuture<Traffic> {
        let eventLoop = group.next()
        guard let bound = contexts.first(where: { $0.eventLoop === eventLoop }) else {
            return eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let number = withExtendedLifetime(descriptor) { fcntl(descriptor.number, F_DUPFD_CLOEXEC, 3) }
        guard number >= 0 else { return eventLoop.makeFailedFuture(SystemError("fcntl")) }
        let meter = NIOLoopBoundBox<TrafficMeter?>.makeEmptyBox(eventLoop: eventLoop)
        return ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: !connection.isSecure)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let first = TrafficMeter()
                    meter.value = first
                    try channel.pipeline.syncOperations.addHandler(first)
                    try ServerSetup.install(in: channel, connection, alreadyRead: alreadyRead, context: bound.value)
                    bound.value.clients[connection.id] = channel
                }
            }
            .withConnectedSocket(number)
            .flatMap { $0.closeFuture }
            .flatMapErrorThrowing { _ in }
            .map {
                bound.value.clients[connection.id] = nil
                return meter.value?.traffic ?? Traffic()
            }
    }

    /// Closes a connection from inside at once: the rules no longer allow its destination.
    public func close(connection id: UInt64) {
        for bound in contexts { bound.eventLoop.execute { bound.value.clients[id]?.close(promise: nil) } }
    }

    /// Closes idle connections to a destination, or to all, after the rules have changed.
    public func closeIdle(name: String? = nil) {
        for bound in contexts { bound.eventLoop.execute { bound.value.pool.close(name: name) } }
    }
}
