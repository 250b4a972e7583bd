import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Testing
import WardenProtocol

@testable import Sandbox

/// What a warden may claim about its sockets: its frames come from inside.
@Suite struct GatewayListenerTests {
    /// A listening socket on any free port of loopback, and which port that is.
    private func socket(_ family: Int32 = AF_INET, datagram: Bool = false, reserved: Bool = false) throws -> (Descriptor, UInt16) {
        let type = Int32((datagram ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        let descriptor = Descriptor(owning: try check("bind") { coop_loopback_socket(family, type, 0, reserved ? 1 : 0) })
        var (family, type2, listens, port): (Int32, Int32, Int32, UInt16) = (0, 0, 0, 0)
        try check("describe") { coop_describe_socket(descriptor.number, &family, &type2, &listens, &port) }
        return (descriptor, port)
    }

    private func sandbox(_ planned: [ListeningSocket]) throws -> LaunchedSandbox {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        close(ends[1])
        return LaunchedSandbox(
            channel: FrameChannel(Descriptor(owning: ends[0])), pid: 0, environment: [], workingDirectory: "/", listeners: planned
        ) {}
    }

    @Test("planned sockets are taken, each once, and all of IPv4 must come")
    func planned() throws {
        let (redirect, redirectPort) = try socket()
        let (dns, dnsPort) = try socket(datagram: true)
        let planned = [
            ListeningSocket(.redirect, port: redirectPort), ListeningSocket(.dns, port: dnsPort),
            ListeningSocket(.proxy, port: 3128, isIPv6: true),
        ]
        let sandbox = try sandbox(planned)
        try sandbox.receive([planned[0]], [redirect])
        #expect(throws: CoopError.self) { try sandbox.requireListeners() }
        #expect(throws: CoopError.self) { try sandbox.receive([planned[0]], [redirect]) }
        try sandbox.receive([planned[1]], [dns])
        // A kernel without IPv6 has no third one.
        try sandbox.requireListeners()
        #expect(sandbox.listeners.map(\.socket) == Array(planned.prefix(2)))
        #expect(sandbox.listeners.map(\.descriptor.number) == [redirect.number, dns.number])
    }

    @Test("a socket that was not planned, and a descriptor that is something else, are refused")
    func hostile() throws {
        let (stream, port) = try socket()
        let (datagram, datagramPort) = try socket(datagram: true)
        let (bound, boundPort) = try socket(reserved: true)
        let file = try Descriptor.open("/dev/null", O_RDWR)
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let (unix, other) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        let cases: [(planned: ListeningSocket, claimed: ListeningSocket, descriptor: Descriptor)] = [
            (.init(.redirect, port: port), .init(.proxy, port: port), stream),
            (.init(.redirect, port: port &+ 1), .init(.redirect, port: port &+ 1), stream),
            (.init(.redirect, port: port, isIPv6: true), .init(.redirect, port: port, isIPv6: true), stream),
            (.init(.dns, port: port), .init(.dns, port: port), stream),
            (.init(.redirect, port: datagramPort), .init(.redirect, port: datagramPort), datagram),
            (.init(.redirect, port: boundPort), .init(.redirect, port: boundPort), bound),
            (.init(.reserved, port: port), .init(.reserved, port: port), stream),
            (.init(.redirect, port: port), .init(.redirect, port: port), file),
            (.init(.redirect, port: port), .init(.redirect, port: port), unix),
        ]
        for (planned, claimed, descriptor) in cases {
            let sandbox = try sandbox([planned])
            #expect(throws: CoopError.self, "\(planned) \(claimed)") { try sandbox.receive([claimed], [descriptor]) }
            #expect(sandbox.listeners.isEmpty)
        }
        let sandbox = try sandbox([.init(.redirect, port: port)])
        #expect(throws: CoopError.self) { try sandbox.receive([.init(.redirect, port: port)], []) }
        withExtendedLifetime((other, stream, datagram, bound)) {}
    }
}
