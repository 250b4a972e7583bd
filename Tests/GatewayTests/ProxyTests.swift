import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct ProxyTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Sends bytes to a gateway that denies everything, and returns what comes back; nil for a reset.
    private func exchange(_ supervisor: ScriptedSupervisor, _ bytes: [UInt8]) throws -> [UInt8]? {
        let client = try Loopback.connect(supervisor.ports[0])
        do {
            try client.sendAll(bytes)
            return try client.receiveToEnd()
        } catch let error as SystemError where error.errno == ECONNRESET || error.errno == EPIPE { return nil }
    }

    @Test("SOCKS5 carries a connection to a name, with the right answers")
    func socks() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let client = try Loopback.connect(supervisor.ports[0])
        try client.sendAll([5, 2, 0, 2])
        #expect(try client.receive(2) == [5, 0])
        try client.sendAll([5, 1, 0, 3, 11] + Array("Example.com".utf8) + [1, 187])
        #expect(try client.receive(10) == [5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        let hello = TLSBytes.clientHello(name: "EXAMPLE.com")
        for byte in hello { try client.sendAll([byte]) }
        let peer = try Loopback.accept(upstream)
        #expect(try peer.receive(hello.count) == hello)
        #expect(supervisor.openings.map(\.via) == [.socks, .socks])
        #expect(supervisor.openings.last?.protocol == .tls(serverName: "example.com", protocols: ["h2"]))
        _ = try supervisor.shutDown()
    }

    @Test("refusals reach the client in its own protocol, and name the rule")
    func refusals() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        let page = try #require(try exchange(supervisor, Array("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8)))
        #expect(text(page).hasPrefix("HTTP/1.1 403 Forbidden\r\n") && text(page).contains("X-Coop-Denied: no rule\r\n"))
        #expect(text(page).contains("Next: coop allow HOST"))
        let request = "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nAccept: text/html, application/json\r\n\r\n"
        let json = try #require(try exchange(supervisor, Array(request.utf8)))
        #expect(text(json).contains("Content-Type: application/json") && text(json).contains("\"rule\":\"no rule\""))
        let socks = try exchange(supervisor, [5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80])
        #expect(socks == [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("what a proxy does not do is refused with the right code")
    func unsupported() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        #expect(try exchange(supervisor, [5, 1, 2]) == [5, 0xFF])
        #expect(try exchange(supervisor, [5, 1, 0, 5, 1, 0, 4]) == [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try exchange(supervisor, [5, 1, 0, 5, 2, 0, 1]) == [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try exchange(supervisor, [5, 1, 0, 5, 3, 0, 1]) == [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try exchange(supervisor, [5, 1, 0, 5, 1, 0, 3, 3, 97, 0, 98, 0, 80]) == [5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try exchange(supervisor, [4, 1, 0, 80, 127, 0, 0, 1, 0]).map(text)?.hasPrefix("HTTP/1.1 400") == true)
        #expect(try exchange(supervisor, Array("GET / HTTP/1.1\r\n\r\n".utf8)).map(text)?.hasPrefix("HTTP/1.1 400") == true)
        #expect(supervisor.openings.isEmpty)
        _ = try supervisor.shutDown()
    }

    @Test("unreachable upstreams are told in the client's protocol")
    func unreachable() throws {
        let supervisor = try ScriptedSupervisor([.proxy]) { message in
            guard case .open(let id, let opening) = message else { return [] }
            if opening.protocol == .awaited { return [(.proceed(id), [])] }
            return [(.raw(id), []), (.unreachable(id, 0, .timedOut), [])]
        }
        #expect(try exchange(supervisor, [5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 22]) == [5, 0, 5, 6, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(try exchange(supervisor, Array("CONNECT a.example:22 HTTP/1.1\r\n\r\n".utf8)).map(text)?.hasPrefix("HTTP/1.1 502") == true)
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("TLS for another name, for none, or that is malformed, never reaches a verdict")
    func mismatch() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        var hellos: [[UInt8]] = ["b.example", "a.example.", "a.example.b.example", "198.51.100.1", "a.example\0"].map {
            TLSBytes.clientHello(name: $0)
        }
        hellos += [TLSBytes.clientHello(name: nil), [22, 3, 1, 0, 0], [22, 3, 1, 0, 5, 2, 0, 0, 1, 0]]
        for hello in hellos {
            let client = try Loopback.connect(supervisor.ports[0])
            try client.sendAll("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8)
            _ = try client.receive(39)
            try client.sendAll(hello)
            #expect(try client.isReset())
        }
        #expect(supervisor.waitForBalance())
        #expect(supervisor.openings.allSatisfy { $0.protocol == .awaited } && supervisor.openings.count == hellos.count)
        _ = try supervisor.shutDown()
        #expect(
            supervisor.incidents.count == hellos.count && supervisor.incidents.contains(.nameMismatch)
                && supervisor.incidents.contains(.malformed))
    }

    @Test("inspection of what cannot be inspected is refused, not passed")
    func inspection() throws {
        let supervisor = try ScriptedSupervisor([.proxy]) { message in
            guard case .open(let id, let opening) = message else { return [] }
            return opening.protocol == .awaited
                ? [(.proceed(id), [])] : [(.inspect(id), []), (.connected(id, 0), [try Descriptor.open("/dev/null", O_RDWR)])]
        }
        for bytes in [Array("ping\r\n".utf8), [0, 1, 2, 3]] {
            let client = try Loopback.connect(supervisor.ports[0])
            // A port where the client is waited for; elsewhere, silence is an answer after a moment.
            try client.sendAll("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8)
            _ = try client.receive(39)
            try client.sendAll(bytes)
            #expect(try client.isReset())
        }
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("garbage of every kind leaves the worker serving")
    func garbage() throws {
        var limits = WorkerLimits()
        limits.handshakeSeconds = 5
        let supervisor = try ScriptedSupervisor([.proxy], limits: limits) { message in
            guard case .open(let id, let opening) = message else { return [] }
            return opening.protocol == .awaited ? [(.proceed(id), [])] : [(.deny(id, ScriptedSupervisor.denial), [])]
        }
        var random = SeededGenerator(16)
        var kept: [Descriptor] = []
        for round in 0..<300 {
            let client = try Loopback.connect(supervisor.ports[0])
            let heads: [[UInt8]] = [
                [], [5], [5, 1, 0], Array("CONNECT ".utf8), Array("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8), [22, 3, 1],
            ]
            try? client.sendAll(heads[random.pick(heads.count)] + random.bytes(random.pick(400)))
            if round % 3 == 0 { try? client.finishSending() }
            if round % 3 == 1 { kept.append(client) }
        }
        // The silent and the half-said are cut off by their deadline.
        for client in kept { _ = try? client.receiveToEnd() }
        #expect(supervisor.waitForBalance())
        #expect(try exchange(supervisor, Array("CONNECT a.example:22 HTTP/1.1\r\n\r\n".utf8)).map(text)?.hasPrefix("HTTP/1.1 403") == true)
        _ = try supervisor.shutDown()
    }

    @Test("more connections than allowed are refused at once, a flood changes nothing for those that are there")
    func flood() throws {
        var limits = WorkerLimits()
        limits.connections = 50
        let start = ContinuousClock.now
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor(
            [.proxy], limits: limits, script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let client = try Loopback.connect(supervisor.ports[0])
        try client.sendAll("CONNECT a.example:22 HTTP/1.1\r\n\r\n".utf8)
        _ = try client.receive(39)
        let peer = try Loopback.accept(upstream)
        let memory = try residentKilobytes(supervisor.process.pid)
        // `COOP_FLOOD` for a longer one.
        let count = getenv("COOP_FLOOD").flatMap { Int(String(cString: $0)) } ?? 5_000
        var open: [Descriptor] = []
        for index in 0..<count {
            // The reset may come before connect(2) returns.
            if let refused = try? Loopback.connect(supervisor.ports[0]) { open.append(refused) }
            if open.count == 200 { open.removeAll() }
            if index % 1000 == 0 {
                try client.sendAll("still here".utf8)
                #expect(try peer.receive(10) == Array("still here".utf8))
            }
        }
        // These stay: a slow worker may have come to the others only when they had gone.
        for _ in 0..<100 { if let refused = try? Loopback.connect(supervisor.ports[0]) { open.append(refused) } }
        #expect(supervisor.wait { $0.contains { if case .incident(_, .limitReached, _) = $0 { true } else { false } } })
        open.removeAll()
        // A hundred in each second, and one that says how many more.
        let told = supervisor.incidents.count
        #expect(told <= 101 * (Int((ContinuousClock.now - start).components.seconds) + 3))
        #expect(try residentKilobytes(supervisor.process.pid) < memory + 8192)
        // Room again.
        let late = try connectOnceFree(supervisor)
        #expect(try text(late.receive(39)).hasPrefix("HTTP/1.1 200"))
        _ = try supervisor.shutDown()
    }

    /// The flood's last connections may still be counted for a moment.
    private func connectOnceFree(_ supervisor: ScriptedSupervisor) throws -> Descriptor {
        let deadline = Deadline(seconds: 60)
        while true {
            guard let client = try? Loopback.connect(supervisor.ports[0]) else {
                if deadline.hasPassed { throw TestSupportError("no room after the flood") }
                continue
            }
            try? client.sendAll("CONNECT a.example:22 HTTP/1.1\r\n\r\n".utf8)
            var waiting = pollfd(fd: client.number, events: Int16(POLLIN), revents: 0)
            _ = poll(&waiting, 1, 60_000)
            if Int32(waiting.revents) & POLLHUP == 0 || deadline.hasPassed { return client }
        }
    }

    private func residentKilobytes(_ pid: pid_t) throws -> Int {
        let status = String(decoding: try FileSystem.read("/proc/\(pid)/status"), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.split(separator: " ").dropLast().last ?? "") } ?? 0
    }

    @Test("each of many refused connections is opened and closed once")
    func balance() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        for _ in 0..<500 { _ = try exchange(supervisor, Array("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8)) }
        #expect(supervisor.waitForBalance() && supervisor.openings.count == 500)
        _ = try supervisor.shutDown()
    }

    @Test("a supervisor that breaks the protocol ends the worker")
    func brokenSupervisor() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        try supervisor.send(.configure(WorkerConfiguration()))
        let end = try supervisor.process.wait(timeout: 60)
        #expect(end.exitCode == 125 && end.error.contains("a second configuration"))
    }

    @Test("a host's port is opened without waiting for the client's first bytes")
    func hostPort() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.hostPort(5432)], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let client = try Loopback.connect(supervisor.ports[0])
        let peer = try Loopback.accept(upstream)
        try peer.sendAll("greeting".utf8)
        #expect(try client.receive(8) == Array("greeting".utf8))
        #expect(
            supervisor.openings == [
                Opening(destination: .address(IPv4Address(127, 0, 0, 1)), port: 5432, via: .hostPort, protocol: .silent)
            ])
        _ = try supervisor.shutDown()
    }
}
