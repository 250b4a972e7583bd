import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

/// An HTTP server of the tests' own, on loopback: HTTP/1.1 and, over TLS or with prior knowledge, HTTP/2.
final class TestUpstream: Sendable {
    enum Transport: Sendable {
        case clear
        case clearHTTP2
        case tls(NIOSSLContext)
    }

    let port: Int
    /// Connections accepted so far.
    var connections: Int { accepted.withLockedValue { $0 } }
    /// What was received: one text for each request (start line and fields, sorted).
    var requests: [String] { log.withLockedValue { $0 } }
    private let accepted = NIOLockedValueBox(0)
    private let log = NIOLockedValueBox<[String]>([])
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    init(_ transport: Transport) throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let accepted = self.accepted
        let log = self.log
        channel = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 2048)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                accepted.withLockedValue { $0 += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    switch transport {
                    case .clear: try Self.addHTTP1(channel, log)
                    case .clearHTTP2: try Self.addHTTP2(channel, log)
                    case .tls(let context):
                        try operations.addHandler(NIOSSLServerHandler(context: context))
                        try operations.addHandler(
                            ApplicationProtocolNegotiationHandler { result, channel in
                                channel.eventLoop.makeCompletedFuture {
                                    if result == .negotiated("h2") {
                                        try Self.addHTTP2(channel, log)
                                    } else {
                                        try Self.addHTTP1(channel, log)
                                    }
                                }
                            })
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        port = channel.localAddress?.port ?? 0
    }

    deinit {
        try? channel.close().wait()
        try? group.syncShutdownGracefully()
    }

    private static func addHTTP1(_ channel: any Channel, _ log: NIOLockedValueBox<[String]>) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
        try channel.pipeline.syncOperations.addHandler(TestUpstreamHandler(log))
    }

    private static func addHTTP2(_ channel: any Channel, _ log: NIOLockedValueBox<[String]>) throws {
        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: .init(), streamConfiguration: .init()
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                try stream.pipeline.syncOperations.addHandler(TestUpstreamHandler(log))
            }
        }
    }
}
