import Certificates
import Crypto
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// A TLS server that answers as fast as it can: `GET /bytes/N` with N bytes, `POST` with the number of bytes it got,
/// everything else with a small text.
final class BenchmarkUpstream: Sendable {
    let port: Int
    /// The authority's certificate, DER.
    let root: [UInt8]
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel

    init() throws {
        let (certificate, privateKey) = try CertificateAuthority.make(commonName: "Benchmark upstream", now: Int64(time(nil)))
        root = certificate
        let authority = try CertificateAuthority(certificate: certificate, privateKey: privateKey)
        let key = P256.Signing.PrivateKey()
        let leaf = try authority.issue(name: "bench.example.com", publicKey: key.publicKey, now: Int64(time(nil)))
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: leaf, format: .der))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der)))
        configuration.applicationProtocols = ["http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        channel = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(NIOSSLServerHandler(context: context), BenchmarkUpstreamHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        port = channel.localAddress?.port ?? 0
    }
}
