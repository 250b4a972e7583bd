import Certificates
import Glibc
import HTTPGateway
import LinuxKernel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import struct Substitution.Injection

/// A proxy in front of an upstream on loopback, with a judge that the test writes.
final class TestGateway: Sendable {
    typealias Judgement = @Sendable (RequestHead, ConnectionInfo) -> Verdict
    /// What there is in the place of a credential that the upstream has refused.
    typealias Renewal = @Sendable (Injection) -> [Injection]?

    private struct Judge: RequestJudge {
        let group: any EventLoopGroup
        let judgement: Judgement
        let log: NIOLockedValueBox<[RequestHead]>
        let renewal: Renewal

        func judge(_ request: RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict> {
            log.withLockedValue { $0.append(request) }
            return group.next().makeSucceededFuture(judgement(request, connection))
        }

        func abandon(_ request: RequestHead, on connection: ConnectionInfo) {}

        /// Says back what it got.
        func answer(_ request: RequestHead, body: ByteBuffer, on connection: ConnectionInfo) -> EventLoopFuture<JudgeResponse> {
            group.next().makeSucceededFuture(JudgeResponse(head: ResponseHead(status: 202, headers: ["X-Judge": "here"]), body: body))
        }

        func renew(_ request: RequestHead, rejected: Injection, on connection: ConnectionInfo) -> EventLoopFuture<[Injection]?> {
            group.next().makeSucceededFuture(renewal(rejected))
        }
    }

    private struct Dialer: UpstreamDialer {
        let group: any EventLoopGroup
        let port: Int
        let dials: NIOLockedValueBox<Int>

        func dial(_ connection: ConnectionInfo) -> EventLoopFuture<Descriptor> {
            dials.withLockedValue { $0 += 1 }
            return group.next().makeCompletedFuture { try Loopback.connect(port) }
        }
    }

    static let name = "api.example.com"
    let authority: TestAuthority
    let proxy: TerminatingProxy
    /// Where curl connects.
    let port: Int
    var judged: [RequestHead] { judgedLog.withLockedValue { $0 } }
    var dials: Int { dialCount.withLockedValue { $0 } }
    var incidents: [Incident] { incidentLog.withLockedValue { $0 } }

    /// The incidents, once there are as many: the client may learn of one first.
    func incidents(awaiting count: Int) -> [Incident] {
        _ = Deadline.poll(seconds: 60) { self.incidents.count >= count }
        return incidents
    }

    private let judgedLog = NIOLockedValueBox<[RequestHead]>([])
    private let dialCount = NIOLockedValueBox(0)
    private let incidentLog = NIOLockedValueBox<[Incident]>([])
    private let group: MultiThreadedEventLoopGroup
    private let listener: Descriptor
    private let acceptor = NIOThreadPool(numberOfThreads: 1)

    init(
        upstream: Int, roots: [[UInt8]] = [], transport: ConnectionInfo.Transport = .tls, name: String = TestGateway.name,
        limits: MessageLimits = .init(), transforms: (any TransformProvider)? = nil,
        judgement: @escaping Judgement = { _, _ in .allow([]) },
        renewal: @escaping Renewal = { _ in nil }
    ) throws {
        authority = try TestAuthority()
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let incidentLog = self.incidentLog
        proxy = try TerminatingProxy(
            .init(authority: authority.authority, roots: roots, limits: limits), group: group,
            judge: Judge(group: group, judgement: judgement, log: judgedLog, renewal: renewal),
            dialer: Dialer(group: group, port: upstream, dials: dialCount), transforms: transforms
        ) { incident in incidentLog.withLockedValue { $0.append(incident) } }
        let proxy = self.proxy
        let listener = try Loopback.listen()
        self.listener = listener
        port = try Loopback.port(listener)
        acceptor.start()
        _ = acceptor.runIfActive(eventLoop: group.next()) {
            var id: UInt64 = 0
            while true {
                let number = listener.acceptedNumber()
                if number < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard number >= 0 else { return }
                id += 1
                proxy.serve(
                    Descriptor(owning: number),
                    ConnectionInfo(id: id, name: name, port: transport == .tls ? 443 : 80, transport: transport))
            }
        }
    }

    deinit {
        // Wakes the acceptor, which then ends.
        shutdown(listener.number, Int32(SHUT_RDWR))
        try? acceptor.syncShutdownGracefully()
        try? group.syncShutdownGracefully()
    }

    /// A raw connection to the proxy.
    func connect() throws -> RawClient { RawClient(try Loopback.connect(port)) }
}
