import NIOCore
import NIOPosix
import NIOSSL

/// Sends requests on many TLS connections, each as soon as the last was answered, and measures how long each took.
enum LoadClient {
    struct Result {
        var requests: Int
        var failures: Int
        /// Nanoseconds each request took, sorted.
        var latencies: [Int64]
        var seconds: Double

        var perSecond: Double { Double(requests) / seconds }

        func percentile(_ fraction: Double) -> Double {
            latencies.isEmpty ? 0 : Double(latencies[min(latencies.count - 1, Int(Double(latencies.count) * fraction))]) / 1e6
        }
    }

    /// - Parameters:
    ///   - warmUp: seconds before those that count.
    ///   - authorises: whether the client sends the secret itself, as it must when nothing injects it.
    static func run(
        address: String = "127.0.0.1", port: Int, connections: Int, warmUp: Int64, seconds: Int64, authorises: Bool
    ) throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let eventLoop = group.next()
        let channels = try (0..<connections).map { _ in try connect(address, port, eventLoop, LoadHandler(authorises: authorises)) }
        for (channel, _) in channels { try eventLoop.submit { channel.pipeline.fireUserInboundEventTriggered(LoadHandler.Start()) }.wait() }
        let begin = try eventLoop.scheduleTask(in: .seconds(warmUp)) {
            for (_, handler) in channels { handler.value.forget() }
            return NIODeadline.now()
        }.futureResult.wait()
        let done = eventLoop.scheduleTask(in: .seconds(seconds)) { channels.map { $0.1.value.stop() } }
        let outcomes = try done.futureResult.wait()
        let elapsed = Double((NIODeadline.now() - begin).nanoseconds) / 1e9
        let latencies = outcomes.flatMap(\.latencies).sorted()
        return Result(requests: latencies.count, failures: outcomes.reduce(0) { $0 + $1.failures }, latencies: latencies, seconds: elapsed)
    }

    /// One request of any kind; the seconds until its response was complete.
    ///
    /// - Parameter ready: called when the connection is there, before the time is taken.
    static func transfer(
        address: String = "127.0.0.1", port: Int, head: String, body: Int = 0, answer: Int = 0, ready: () -> Void = {}
    ) throws -> Double {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let done = group.next().makePromise(of: Void.self)
        let (channel, _) = try connect(address, port, group.next(), TransferHandler(head: head, body: body, answer: answer, done: done))
        ready()
        let begin = NIODeadline.now()
        try group.next().submit { channel.pipeline.fireUserInboundEventTriggered(LoadHandler.Start()) }.wait()
        try done.futureResult.wait()
        return Double((NIODeadline.now() - begin).nanoseconds) / 1e9
    }

    private static func connect<Handler: ChannelInboundHandler & SendableMetatype>(
        _ address: String, _ port: Int, _ eventLoop: any EventLoop, _ make: @autoclosure @escaping @Sendable () -> Handler
    ) throws -> (any Channel, NIOLoopBound<Handler>) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // The load client measures; what it talks to is on loopback.
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        let ready = eventLoop.makePromise(of: Void.self)
        let channel = try ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLClientHandler(context: context, serverHostname: "bench.example.com"), HandshakeWaiter(ready), make())
                }
            }
            .connect(to: SocketAddress(ipAddress: address, port: port)).wait()
        try ready.futureResult.wait()
        let handler = try eventLoop.submit {
            NIOLoopBound(try channel.pipeline.syncOperations.handler(type: Handler.self), eventLoop: eventLoop)
        }.wait()
        return (channel, handler)
    }
}
