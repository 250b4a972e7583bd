import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// A port of the host's loopback that leads to the same port of a sandbox's: where a browser comes back to a program inside (RFC 8252,
/// section 7.3).
public final class LoopbackForward {
    /// One connection at each end, copied in both directions.
    private final class Relay {
        let outside: Descriptor
        let inside: Descriptor
        var pumps: [Pump] = []

        init(outside: Descriptor, inside: Descriptor) {
            self.outside = outside
            self.inside = inside
        }
    }

    /// Connections at the same time; a browser needs few.
    private static let limit = 32

    public let port: UInt16
    private let listener: Descriptor
    private let loop: EventLoop
    private let supervisor: Supervisor
    private var relays: [Int32: Relay] = [:]

    /// Listens on 127.0.0.1.
    ///
    /// - Throws: `failed` when somebody else has the port.
    public init(port: UInt16, loop: EventLoop, supervisor: Supervisor) throws(CoopError) {
        self.port = port
        self.loop = loop
        self.supervisor = supervisor
        do { listener = try LoopbackForward.listen(port) } catch {
            throw CoopError(
                .failed, "cannot wait for the browser at port \(port) of the loopback interface", error.reason,
                next: "end the program that has the port: ss -ltnp 'sport = :\(port)'")
        }
        let number = listener.number
        loop.watch(number) { [unowned self] _ in try self.accept() }
    }

    private static func listen(_ port: UInt16) throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = Descriptor(owning: try check("socket") { socket(AF_INET, type, 0) })
        // Connections of a login just before may not be quite over; a port on which somebody listens is not given out all the same.
        var one: Int32 = 1
        setsockopt(descriptor.number, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = try withUnsafeMutablePointer(to: &address) { pointer throws(SystemError) in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer throws(SystemError) in
                try check("bind") { bind(descriptor.number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        try check("listen") { Glibc.listen(descriptor.number, 16) }
        return descriptor
    }

    /// Lets go of the port and of all connections.
    public func stop() {
        loop.unwatch(listener.number)
        for relay in relays.values { end(relay) }
    }

    private func accept() throws {
        let number = coop_accept_nonblocking(listener.number)
        // The client may be gone again.
        guard number >= 0 else { return }
        let outside = Descriptor(owning: number)
        guard relays.count < LoopbackForward.limit else { return }
        try supervisor.connect(port: port) { [weak self] inside in
            guard let self, let inside else { return }
            self.relay(outside, inside)
        }
    }

    private func relay(_ outside: Descriptor, _ inside: Descriptor) {
        // It comes from inside: whatever it is, nothing waits for it.
        guard fcntl(inside.number, F_SETFL, O_NONBLOCK) == 0 else { return }
        let relay = Relay(outside: outside, inside: inside)
        relays[outside.number] = relay
        relay.pumps = [(outside, inside), (inside, outside)].map { source, target in
            Pump(
                from: source.number, to: target.number, loop: loop,
                finished: { [weak self, weak relay] in
                    shutdown(target.number, Int32(SHUT_WR))
                    guard let self, let relay, relay.pumps.allSatisfy(\.isDone) else { return }
                    self.end(relay)
                })
        }
        for pump in relay.pumps { pump.start() }
    }

    private func end(_ relay: Relay) {
        for pump in relay.pumps where !pump.isDone { pump.drain() }
        relays[relay.outside.number] = nil
    }
}
