import Certificates
import Glibc
import HTTPGateway
import LinuxKernel
import NIOCore
import NIOPosix
import Substitution

/// The proxy on one event loop, behind a listening socket on loopback, with a judge that allows everything and injects one
/// header.
final class BenchmarkGateway: Sendable {
    private struct Judge: RequestJudge {
        let eventLoop: any EventLoop
        let injections = [
            Injection(
                grant: "benchmark", credential: .token(stub: Array("stub".utf8), secret: SecretBytes(copying: Benchmark.secret.utf8)),
                places: [InjectionPlace(.header("authorization"), whenAbsent: "Bearer {value}")])
        ]

        func judge(_ request: HTTPGateway.RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict> {
            eventLoop.makeSucceededFuture(.allow(injections))
        }

        func abandon(_ request: HTTPGateway.RequestHead, on connection: ConnectionInfo) {}

        func answer(_ request: HTTPGateway.RequestHead, body: ByteBuffer, on connection: ConnectionInfo) -> EventLoopFuture<JudgeResponse> {
            eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }

        func renew(
            _ request: HTTPGateway.RequestHead, rejected: Injection, on connection: ConnectionInfo
        ) -> EventLoopFuture<[Injection]?> {
            eventLoop.makeSucceededFuture(nil)
        }
    }

    private struct Dialer: UpstreamDialer {
        let eventLoop: any EventLoop
        let port: Int

        func dial(_ connection: ConnectionInfo) -> EventLoopFuture<Descriptor> {
            eventLoop.makeCompletedFuture { try LoopbackSocket.connect(port) }
        }
    }

    let port: Int
    private let listener: Descriptor
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let acceptor = NIOThreadPool(numberOfThreads: 1)

    init(upstream: Int, root: [UInt8]) throws {
        let (certificate, privateKey) = try CertificateAuthority.make(commonName: "Benchmark sandbox", now: Int64(time(nil)))
        let authority = try CertificateAuthority(certificate: certificate, privateKey: privateKey)
        let proxy = try TerminatingProxy(
            .init(authority: authority, roots: [root]), group: group, judge: Judge(eventLoop: group.next()),
            dialer: Dialer(eventLoop: group.next(), port: upstream)
        ) { incident in print("incident: \(incident.kind): \(incident.detail)") }
        let listener = try LoopbackSocket.listen()
        self.listener = listener
        port = try LoopbackSocket.port(listener)
        acceptor.start()
        acceptor.submit { _ in
            var id: UInt64 = 0
            while true {
                let number = accept(listener.number, nil, nil)
                guard number >= 0 else { return }
                id += 1
                proxy.serve(Descriptor(owning: number), ConnectionInfo(id: id, name: "bench.example.com", port: 443, transport: .tls))
            }
        }
    }
}
