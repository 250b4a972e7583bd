import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import Policy
import Sandbox

/// Connects to where the policy lets a connection go: resolves the name, checks the class of each address, and tries them in turn.
final class UpstreamDialer {
    enum Outcome {
        case connected(Descriptor, IPAddress)
        case failed(Unreachable)
    }

    /// Milliseconds for one address.
    private static let patience: UInt64 = 10_000
    /// Milliseconds for a proxy to answer, which has to connect itself.
    private static let proxyPatience: UInt64 = 30_000
    /// The most addresses of a name that are tried.
    private static let attempts = 8

    private let loop: EventLoop
    private let resolver: NameResolver
    /// Everything but what `[network.hosts]` and `host_ports` name goes there.
    private let proxy: UpstreamProxy?

    init(loop: EventLoop, resolver: NameResolver, proxy: UpstreamProxy? = nil) {
        self.loop = loop
        self.resolver = resolver
        self.proxy = proxy
    }

    /// Connects to `destination`.
    ///
    /// - Parameters:
    ///   - override: of `[network.hosts]`, where one applies.
    ///   - policy: judges the addresses that the name leads to.
    func dial(
        _ destination: Policy.Destination, port: UInt16, override: HostOverride?, policy: CompiledNetworkPolicy,
        _ body: @escaping (Outcome) throws -> Void
    ) throws {
        let target = override?.target ?? destination
        let port = override?.port ?? port
        if let proxy, override == nil { return try dial(target, port: port, by: proxy, policy: policy, body) }
        switch target {
        case .address(let address):
            try reach([address], port: port, isExplicit: override != nil, policy: policy, body)
        case .name(let name):
            resolver.resolve(name) { [unowned self] answer in
                do {
                    switch answer {
                    case .success(let addresses):
                        try self.reach(addresses, port: port, isExplicit: override != nil, policy: policy, body)
                    case .failure(.unknown): try body(.failed(.unknownName))
                    case .failure(.unavailable): try body(.failed(.resolverFailed))
                    }
                } catch {
                    self.loop.fail(error)
                }
            }
        }
    }

    /// Connects to a port of the host's own loopback, which `host_ports` names.
    func dialHost(port: UInt16, _ body: @escaping (Outcome) throws -> Void) throws {
        try connect([IPAddress(127, 0, 0, 1), IPAddress(bits: 1)], port: port, last: .refused, body)
    }

    // MARK: - By a proxy

    /// The proxy looks the name up itself, so the addresses that it finds cannot be judged. Those that are known here are: a name that
    /// leads to a closed address is not asked for. Not to know a name is no obstacle; behind such proxies that is usual.
    private func dial(
        _ destination: Policy.Destination, port: UInt16, by proxy: UpstreamProxy, policy: CompiledNetworkPolicy,
        _ body: @escaping (Outcome) throws -> Void
    ) throws {
        let judge: ([IPAddress]) throws -> Void = { [unowned self] addresses in
            guard addresses.allSatisfy({ policy.refusal(of: $0, port: port) == nil }) else { return try body(.failed(.closedAddress)) }
            try self.connect(to: proxy) { outcome in
                guard case .connected(let socket, let address) = outcome else { return try body(.failed(.proxyFailed)) }
                try self.ask(proxy, over: socket, for: destination, port: port) {
                    try body($0.map { .failed($0) } ?? .connected(socket, address))
                }
            }
        }
        switch destination {
        case .address(let address): try judge([address])
        case .name(let name): resolve(name) { answer in try judge((try? answer.get()) ?? []) }
        }
    }

    /// The proxy is the user's own and may lie anywhere.
    private func connect(to proxy: UpstreamProxy, _ body: @escaping (Outcome) throws -> Void) throws {
        let port = proxy.address.port
        switch proxy.address.host {
        case .address(let address): try connect([address], port: port, last: .refused, body)
        case .name(let name):
            resolve(name) { [unowned self] answer in
                try self.connect(Array(((try? answer.get()) ?? []).prefix(UpstreamDialer.attempts)), port: port, last: .refused, body)
            }
        }
    }

    private func resolve(_ name: HostName, _ body: @escaping (NameResolver.Answer) throws -> Void) {
        resolver.resolve(name) { [unowned self] answer in
            do { try body(answer) } catch { self.loop.fail(error) }
        }
    }

    /// - Parameter body: gets why it failed; nil when the connection is open.
    private func ask(
        _ proxy: UpstreamProxy, over socket: Descriptor, for destination: Policy.Destination, port: UInt16,
        _ body: @escaping (Unreachable?) throws -> Void
    ) throws {
        let request = proxy.request(for: destination, port: port)
        // Into the empty buffer of a new connection it fits as a whole.
        let sent = request.withBytes { send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == request.count else { return try body(.proxyFailed) }
        var handshake = ProxyHandshake()
        var timer = 0
        let finish: (Unreachable?) throws -> Void = { [unowned self] reason in
            self.loop.unwatch(socket.number)
            self.loop.cancel(timer: timer)
            try body(reason)
        }
        timer = loop.after(milliseconds: UpstreamDialer.proxyPatience) { try finish(.proxyFailed) }
        loop.watch(socket.number) { _ in
            switch handshake.advance(socket.number) {
            case .waiting: break
            case .open: try finish(nil)
            case .failed(let reason): try finish(reason)
            }
        }
    }

    // MARK: - Directly

    private func reach(
        _ addresses: [IPAddress], port: UInt16, isExplicit: Bool, policy: CompiledNetworkPolicy, _ body: @escaping (Outcome) throws -> Void
    ) throws {
        let open = addresses.filter { policy.refusal(of: $0, port: port, isExplicit: isExplicit) == nil }
        guard !open.isEmpty else { return try body(.failed(.closedAddress)) }
        try connect(Array(open.prefix(UpstreamDialer.attempts)), port: port, last: .refused, body)
    }

    private func connect(_ addresses: [IPAddress], port: UInt16, last: Unreachable, _ body: @escaping (Outcome) throws -> Void) throws {
        guard let address = addresses.first else { return try body(.failed(last)) }
        let rest = Array(addresses.dropFirst())
        let number = address.bytes.withUnsafeBufferPointer { coop_connect_now($0.baseAddress, Int32($0.count), port) }
        guard number >= 0 else {
            return try connect(rest, port: port, last: UpstreamDialer.reason(errno), body)
        }
        let socket = Descriptor(owning: number)
        var timer = 0
        let finish: (Int32) throws -> Void = { [unowned self] error in
            self.loop.unwatch(number, events: Int16(POLLOUT))
            self.loop.cancel(timer: timer)
            guard error == 0 else { return try self.connect(rest, port: port, last: UpstreamDialer.reason(error), body) }
            coop_no_delay(socket.number)
            try body(.connected(socket, address))
        }
        timer = loop.after(milliseconds: UpstreamDialer.patience) { try finish(ETIMEDOUT) }
        loop.watch(number, events: Int16(POLLOUT)) { _ in try finish(coop_socket_error(number)) }
    }

    private static func reason(_ error: Int32) -> Unreachable {
        switch error {
        case ETIMEDOUT: .timedOut
        case ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EACCES, EPERM: .noRoute
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN: .exhausted
        default: .refused
        }
    }
}
