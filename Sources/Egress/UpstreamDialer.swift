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
    /// The most addresses of a name that are tried.
    private static let attempts = 8

    private let loop: EventLoop
    private let resolver: NameResolver

    init(loop: EventLoop, resolver: NameResolver) {
        self.loop = loop
        self.resolver = resolver
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
