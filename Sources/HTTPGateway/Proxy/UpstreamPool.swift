import Glibc
import LinuxKernel
import NIOCore
import NIOPosix

/// The connections to upstreams: idle HTTP/1 connections and shared HTTP/2 connections, by destination. Confined to one
/// event loop.
final class UpstreamPool {
    /// What makes two connections interchangeable.
    struct Key: Hashable {
        var name: String
        var port: UInt16
        var transport: ConnectionInfo.Transport

        init(_ connection: ConnectionInfo) {
            name = connection.name
            port = connection.port
            transport = connection.transport
        }
    }

    /// How old a connection may be that a request gets.
    enum Freshness {
        case new
        /// Used within the last seconds, so that it is hardly about to be closed.
        case recent
        case any
    }

    typealias Completion = (Result<any UpstreamSide, UpstreamFailure>) -> Void

    private unowned let context: LoopContext
    private var idle: [Key: [HTTP1ClientHandler]] = [:]
    private var shared: [Key: [HTTP2ClientConnection]] = [:]
    /// Requests that wait for the first connection to say which protocol the upstream speaks.
    private var waiting: [Key: [(connection: ConnectionInfo, completion: Completion)]] = [:]
    /// Destinations that chose HTTP/1 although HTTP/2 was offered: no request waits for another there.
    private var speaksHTTP1: Set<Key> = []

    private var sweep: Scheduled<Void>?

    init(context: LoopContext) { self.context = context }

    /// Calls `completion` on the event loop, possibly at once.
    func acquire(for connection: ConnectionInfo, offersHTTP2: Bool, freshness: Freshness, completion: @escaping Completion) {
        let key = Key(connection)
        if offersHTTP2, !speaksHTTP1.contains(key) {
            if freshness != .new, let side = shared[key]?.first(where: { $0.hasCapacity }) { return side.open(completion) }
            if waiting[key] != nil {
                waiting[key]?.append((connection, completion))
                return
            }
            waiting[key] = []
            connect(connection, offersHTTP2: true) { result in self.firstConnected(result, key, connection, completion) }
            return
        }
        while freshness != .new, let side = idle[key]?.popLast() {
            if side.isUsable(recently: freshness == .recent) { return completion(.success(side)) }
            side.abandon()
        }
        connect(connection, offersHTTP2: false) { result in
            switch result {
            case .success(.http1(let side)): completion(.success(side))
            // Only in clear text, where there is nothing to negotiate.
            case .success(.http2(let connection)): connection.open(completion)
            case .failure(let failure): completion(.failure(failure))
            }
        }
    }

    /// Takes an HTTP/1 connection back.
    func release(_ side: HTTP1ClientHandler) {
        guard idle[side.key]?.count ?? 0 < context.limits.idleUpstreams else { return side.abandon() }
        idle[side.key, default: []].append(side)
        guard sweep == nil else { return }
        sweep = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(context.limits.idleUpstreamSeconds)) { self.closeStale() }
    }

    private func closeStale() {
        sweep = nil
        for (key, sides) in idle {
            let kept = sides.filter { $0.isUsable(recently: false) }
            idle[key] = kept.isEmpty ? nil : kept
            for side in sides where !side.isUsable(recently: false) { side.abandon() }
        }
        if !idle.isEmpty {
            sweep = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(context.limits.idleUpstreamSeconds)) { self.closeStale() }
        }
    }

    func remove(_ side: HTTP1ClientHandler) {
        idle[side.key]?.removeAll { $0 === side }
        if idle[side.key]?.isEmpty ?? false { idle[side.key] = nil }
    }

    func remove(_ connection: HTTP2ClientConnection) {
        shared[connection.key]?.removeAll { $0 === connection }
        if shared[connection.key]?.isEmpty ?? false { shared[connection.key] = nil }
    }

    /// Closes what is idle for a destination, so that a changed rule meets no old connection; all destinations without one.
    func close(name: String?) {
        for (key, sides) in idle where name == nil || key.name == name {
            idle[key] = nil
            for side in sides { side.abandon() }
        }
        for (key, connections) in shared where name == nil || key.name == name {
            shared[key] = nil
            for connection in connections { connection.drain() }
        }
    }

    private func firstConnected(
        _ result: Result<UpstreamConnection, UpstreamFailure>, _ key: Key, _ connection: ConnectionInfo, _ completion: @escaping Completion
    ) {
        let others = waiting.removeValue(forKey: key) ?? []
        switch result {
        case .failure(let failure):
            completion(.failure(failure))
            for other in others {
                // A dial ends with the connection that it was made for; another connection's request makes its own.
                if other.connection.id == connection.id {
                    other.completion(.failure(failure))
                } else {
                    acquire(for: other.connection, offersHTTP2: true, freshness: .any, completion: other.completion)
                }
            }
        case .success(.http2(let first)):
            shared[key, default: []].append(first)
            first.open(completion)
            // Those that find no room open the next connection.
            for other in others { acquire(for: other.connection, offersHTTP2: true, freshness: .any, completion: other.completion) }
        case .success(.http1(let side)):
            if speaksHTTP1.count > 1024 { speaksHTTP1.removeAll() }
            speaksHTTP1.insert(key)
            completion(.success(side))
            for other in others { acquire(for: other.connection, offersHTTP2: false, freshness: .any, completion: other.completion) }
        }
    }

    private func connect(
        _ connection: ConnectionInfo, offersHTTP2: Bool, completion: @escaping (Result<UpstreamConnection, UpstreamFailure>) -> Void
    ) {
        context.dialer.dial(connection).hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error):
                let reason = (error as? DialFailure)?.reason ?? "no connection to the host"
                completion(.failure(UpstreamFailure(kind: .upstream, reason: reason)))
            case .success(let descriptor): self.adopt(descriptor, connection, offersHTTP2: offersHTTP2, completion: completion)
            }
        }
    }

    /// Makes a channel of a connected socket.
    private func adopt(
        _ descriptor: Descriptor, _ connection: ConnectionInfo, offersHTTP2: Bool,
        completion: @escaping (Result<UpstreamConnection, UpstreamFailure>) -> Void
    ) {
        // NIO closes the number that it is given; the object closes its own.
        let number = withExtendedLifetime(descriptor) { fcntl(descriptor.number, F_DUPFD_CLOEXEC, 3) }
        guard number >= 0 else {
            return completion(.failure(UpstreamFailure(kind: .upstream, reason: "the gateway has too many connections open")))
        }
        let setup: UpstreamSetup
        do { setup = try UpstreamSetup(connection, offersHTTP2: offersHTTP2, context: context, completion: completion) } catch {
            Glibc.close(number)
            return completion(.failure(UpstreamFailure(kind: .certificate, reason: "TLS to \(connection.name) cannot be set up")))
        }
        let bound = NIOLoopBound(setup, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: !connection.isSecure)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try bound.value.install(in: channel) } }
            .withConnectedSocket(number)
            .assumeIsolated()
            .whenFailure { _ in setup.fail(UpstreamFailure(kind: .upstream, reason: "the connection to the host failed")) }
    }
}
