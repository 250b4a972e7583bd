import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct RelayTests {
    /// A client that has been let through to an upstream, and both ends of it.
    private func connected(_ supervisor: ScriptedSupervisor, _ upstream: Descriptor, port: UInt16 = 22) throws -> (Descriptor, Descriptor) {
        let client = try Loopback.connect(supervisor.ports[0])
        try client.sendAll("CONNECT example.com:\(port) HTTP/1.1\r\n\r\n".utf8)
        let peer = try Loopback.accept(upstream)
        let reply = try client.receive(39)
        #expect(String(decoding: reply, as: UTF8.self) == "HTTP/1.1 200 Connection established\r\n\r\n")
        return (client, peer)
    }

    @Test("bytes go both ways, each end is passed on alone, and are counted")
    func halfClose() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let (client, peer) = try connected(supervisor, upstream)
        try client.sendAll("question".utf8)
        try client.finishSending()
        #expect(try peer.receiveToEnd() == Array("question".utf8))
        // The other direction is still open.
        let answer = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        try peer.sendAll(answer.prefix(1000))
        #expect(try client.receive(1000) == Array(answer.prefix(1000)))
        let rest = Array(answer.dropFirst(1000))
        let sender = BackgroundSender(peer, rest)
        #expect(try client.receive(rest.count) == rest)
        try sender.wait()
        try peer.finishSending()
        #expect(try client.receiveToEnd().isEmpty)
        #expect(supervisor.waitForBalance())
        #expect(supervisor.messages.contains(.closed(1, bytesIn: 3_000_000, bytesOut: 8)))
        #expect(try supervisor.shutDown().exitCode == 0)
    }

    @Test("a reset of one side is a reset for the other", arguments: [true, false])
    func resets(byClient: Bool) throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        var (client, peer): (Descriptor?, Descriptor?) = try connected(supervisor, upstream)
        try client?.sendAll("x".utf8)
        #expect(try peer?.receive(1) == Array("x".utf8))
        if byClient {
            _ = coop_reset_on_close(client?.number ?? -1)
            client = nil
            #expect(try peer?.isReset() == true)
        } else {
            _ = coop_reset_on_close(peer?.number ?? -1)
            peer = nil
            #expect(try client?.isReset() == true)
        }
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("a receiver that does not read stops its sender, and loses nothing")
    func backPressure() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let (client, peer) = try connected(supervisor, upstream)
        // Fill everything on the way until nothing more is taken.
        let piece = (0..<65536).map { UInt8(truncatingIfNeeded: $0) }
        var sent = 0
        var idle = 0
        while idle < 20 {
            let count = piece.withUnsafeBytes { coop_send_now(client.number, $0.baseAddress, $0.count) }
            if count > 0 {
                sent += count
                idle = 0
            } else {
                idle += 1
                var waiting = pollfd(fd: client.number, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, 20)
            }
        }
        #expect(sent < 64 << 20)
        // Another connection is not held up by it.
        let (other, otherPeer) = try connected(supervisor, upstream)
        try other.sendAll("hello".utf8)
        #expect(try otherPeer.receive(5) == Array("hello".utf8))
        try client.finishSending()
        #expect(try peer.receiveToEnd().count == sent)
        _ = try supervisor.shutDown()
    }

    @Test("the client's bytes that came ahead of the verdict are passed on untouched")
    func earlyBytes() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let client = try Loopback.connect(supervisor.ports[0])
        let hello = TLSBytes.clientHello(name: "example.com")
        try client.sendAll(Array("CONNECT Example.COM:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n".utf8) + hello)
        let peer = try Loopback.accept(upstream)
        #expect(try peer.receive(hello.count) == hello)
        let expected = [
            Opening(destination: .name("example.com"), port: 443, via: .connect, protocol: .awaited),
            Opening(
                destination: .name("example.com"), port: 443, via: .connect, protocol: .tls(serverName: "example.com", protocols: ["h2"])),
        ]
        #expect(supervisor.openings == expected)
        _ = try supervisor.shutDown()
    }

    @Test("a revoked connection is broken off at both ends")
    func revoke() throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let (client, peer) = try connected(supervisor, upstream)
        try supervisor.send(.revoke(1))
        #expect(try client.isReset() && peer.isReset())
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("a killed worker takes its connections along, and its listeners", arguments: [true, false])
    func death(byKill: Bool) throws {
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let (client, peer) = try connected(supervisor, upstream)
        if byKill { supervisor.process.signal(SIGKILL) } else { try supervisor.send(.shutdown) }
        let end = try supervisor.process.wait(timeout: 60)
        #expect(byKill ? end.signal == SIGKILL : end.exitCode == 0)
        _ = try? client.receiveToEnd()
        _ = try? peer.receiveToEnd()
        #expect(throws: SystemError.self) { try Loopback.connect(supervisor.ports[0]) }
    }

    @Test("an idle connection is broken off")
    func idle() throws {
        let upstream = try Loopback.listen()
        var limits = WorkerLimits()
        limits.idleSeconds = 5
        let supervisor = try ScriptedSupervisor(
            [.proxy], limits: limits, script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        let (client, peer) = try connected(supervisor, upstream)
        #expect(try client.isReset() && peer.isReset())
        _ = try supervisor.shutDown()
    }

    @Test("a thousand connections at a time")
    func thousand() throws {
        OpenFiles.raiseLimit()
        let upstream = try Loopback.listen()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: Loopback.port(of: upstream)))
        var pairs: [(Descriptor, Descriptor)] = []
        for _ in 0..<1000 { pairs.append(try connected(supervisor, upstream)) }
        for (index, pair) in pairs.enumerated() { try pair.0.sendAll("number \(index)\n".utf8) }
        for (index, pair) in pairs.enumerated() {
            let text = Array("number \(index)\n".utf8)
            #expect(try pair.1.receive(text.count) == text)
            try pair.1.sendAll(text.reversed())
        }
        for (index, pair) in pairs.enumerated() {
            let text = Array("number \(index)\n".utf8.reversed())
            #expect(try pair.0.receive(text.count) == text)
        }
        pairs = []
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }
}

/// Sends bytes on a thread of its own.
final class BackgroundSender: @unchecked Sendable {
    private let socket: Descriptor
    private let bytes: [UInt8]
    private var failure: (any Error)?
    private var thread = pthread_t()

    init(_ socket: Descriptor, _ bytes: [UInt8]) {
        self.socket = socket
        self.bytes = bytes
        pthread_create(&thread, nil, runSender, Unmanaged.passUnretained(self).toOpaque())
    }

    fileprivate func run() {
        do { try socket.sendAll(bytes) } catch { failure = error }
    }

    func wait() throws {
        pthread_join(thread, nil)
        if let failure { throw failure }
    }
}

private func runSender(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Unmanaged<BackgroundSender>.fromOpaque(argument).takeUnretainedValue().run() }
    return nil
}
