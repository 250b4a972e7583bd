import Certificates
import NIOCore

/// What all connections of one event loop share. Confined to that event loop.
final class LoopContext {
    let eventLoop: any EventLoop
    let limits: MessageLimits
    let judge: any RequestJudge
    let dialer: any UpstreamDialer
    let transforms: (any TransformProvider)?
    /// Nil where no connection from inside is served.
    let leaves: LeafCertificates?
    let upstreamTLS: UpstreamTLS
    let report: @Sendable (Incident) -> Void
    /// The connections from inside, by the worker's number.
    var clients: [UInt64: any Channel] = [:]
    /// Bytes of request bodies that wait for their end.
    var heldBytes = 0
    private(set) lazy var pool = UpstreamPool(context: self)

    init(
        eventLoop: any EventLoop, authority: CertificateAuthority?, roots: [[UInt8]], limits: MessageLimits, judge: any RequestJudge,
        dialer: any UpstreamDialer, transforms: (any TransformProvider)?, report: @escaping @Sendable (Incident) -> Void
    ) throws {
        self.eventLoop = eventLoop
        self.limits = limits
        self.judge = judge
        self.dialer = dialer
        self.transforms = transforms
        self.report = report
        leaves = try authority.map { try LeafCertificates(authority: $0) }
        upstreamTLS = try UpstreamTLS(roots: roots)
    }

    func report(_ kind: Incident.Kind, _ detail: String, on connection: ConnectionInfo) {
        report(Incident(connection: connection.id, kind: kind, detail: detail))
    }

    func allocate(_ capacity: Int) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: capacity) }
}
