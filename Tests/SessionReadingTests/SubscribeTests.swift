import EventLog
import FoundationEssentials
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop subscribe`: programs of this machine get every event once, and nobody else gets any.
@Suite(.serialized) struct SubscribeTests {
    private struct Announcement: Decodable {
        var version: Int
        var session: String
        var url: String
        var token: String
        var port: String { String(url.split(separator: ":").last?.dropLast() ?? "") }
    }

    private func server(_ session: WrittenSession, _ options: [String] = []) throws -> (process: ChildProcess, Announcement) {
        let process = try session.place.start(["subscribe", "fix-auth"] + options)
        guard try process.waitForOutput("\n") else { throw TestSupportError("no announcement: \(process.errorText)") }
        return (process, try JSONDecoder().decode(Announcement.self, from: Data(process.outputBytes)))
    }

    private func script(_ name: String) -> String { FileSystem.normalize(#filePath + "/../" + name) }

    /// The interpreters that have the client library: the machine's own, and one with its newest version, where that can be had. Kept between
    /// runs.
    private static let interpreters: [String] = {
        let path = "/tmp/coop-test-websockets.\(getuid())"
        let script = """
            exec 9> "$1.lock"; flock 9; [ -e "$1/ready" ] && exit 0
            rm -rf "$1"; umask 022; /usr/bin/python3 -m venv "$1" && "$1/bin/pip" install -q websockets && touch "$1/ready"
            """
        let made = try? ChildProcess.run(["/bin/sh", "-c", script, "sh", path], timeout: 120)
        return ["/usr/bin/python3"] + (made?.exitCode == 0 ? [path + "/bin/python3"] : [])
    }()

    @Test(
        "an independent client and hostile frames: events in order and once, refusals and close codes as the RFC says",
        arguments: interpreters)
    func conformance(_ interpreter: String) throws {
        let session = try WrittenSession(anyone, isLive: true)
        for number in 2...1500 {
            try session.append(.message, ["text": number % 100 == 0 ? String(repeating: "long", count: 5000) : "event \(number)"])
        }
        try session.publish()
        let (process, announced) = try server(session)
        let client = try ChildProcess.run(
            [interpreter, script("../WebSocketTests/client.py"), announced.port, "1500", announced.token], timeout: 300)
        #expect(client.exitCode == 0 && client.output == "conforms\n", "\(client)")
        process.signal(SIGTERM)
        #expect(try process.wait().exitCode == 0)
    }

    @Test(
        "a hundred subscribers, one that hardly reads, and one that comes late: each has everything, and then it ends",
        arguments: TestIdentity.ordinary)
    func many(_ identity: TestIdentity) throws {
        let session = try WrittenSession(identity, isLive: true)
        let (process, announced) = try server(session)
        let client = try ChildProcess([
            SubscribeTests.interpreters.last ?? "", script("subscribers.py"), announced.url, announced.token, "100", "1601",
        ])
        #expect(try client.waitForOutput("connected\n", timeout: 240), "\(client.errorText)")
        // More than all buffers on the way hold, so that who hardly reads has to be waited for.
        let text = String(repeating: "text ", count: 1000)
        for number in 2...1600 {
            try session.append(.message, ["text": number % 2 == 0 ? text : "event \(number)"])
            if number % 200 == 0 { try session.writer.flush() }
        }
        try session.end()
        let outcome = try client.wait(timeout: 600)
        #expect(outcome.exitCode == 0 && outcome.output == "connected\ncomplete\n", "\(outcome)")
        #expect(try process.wait(timeout: 240).exitCode == 0)
    }

    @Test("from a number on, of a session that is over; then it ends by itself")
    func over() throws {
        let session = try WrittenSession(anyone)
        for number in 2...99 { try session.append(.message, ["text": "event \(number)"]) }
        try session.end()
        let (process, announced) = try server(session, ["--from", "90", "--bind", "localhost"])
        #expect(announced.version == 1 && announced.session == WrittenSession.id && announced.url.hasPrefix("ws://127.0.0.1:"))
        let client = try ChildProcess.run(["/usr/bin/python3", script("subscribers.py"), announced.url, announced.token, "3", "100", "90"])
        #expect(client.exitCode == 0 && client.output.hasSuffix("complete\n"), "\(client)")
        #expect(try process.wait().exitCode == 0)
    }

    @Test("a server whose session's supervisor was killed ends when everybody has everything")
    func killedSupervisor() throws {
        let session = try WrittenSession(anyone, isLive: true)
        for number in 2...50 { try session.append(.message, ["text": "event \(number)"]) }
        try session.publish()
        let (process, announced) = try server(session)
        let client = try ChildProcess(["/usr/bin/python3", script("subscribers.py"), announced.url, announced.token, "2", "50"])
        #expect(try client.waitForOutput("connected\n"))
        try session.writer.close()
        try session.publish()
        session.die()
        let outcome = try client.wait()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try process.wait().exitCode == 0)
    }

    @Test("another user has neither the token nor the log", .enabled(if: TestIdentity.all.count == 3))
    func otherUser() throws {
        let session = try WrittenSession(.user, isLive: true)
        let (process, announced) = try server(session)
        defer { process.signal(SIGTERM) }
        let other = TestIdentity.subordinate
        for (path, expected) in [("", "401"), ("?token=" + String(repeating: "0", count: 64), "401"), ("?token=", "401")] {
            let tried = try ChildProcess.run(
                other.arguments([
                    "/usr/bin/curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                    "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                    "http://127.0.0.1:\(announced.port)/\(path)",
                ]))
            #expect(tried.output == expected, "\(path): \(tried)")
        }
        // The token is not among the words of the process, which everybody may read.
        let words = try ChildProcess.run(other.arguments(["/bin/sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"]))
        #expect(!words.output.contains(announced.token))
        let read = try ChildProcess.run(other.arguments(["/bin/cat", session.directory + "/events.db"]))
        #expect(read.exitCode != 0 && read.outputBytes.isEmpty)
        let asked = try ChildProcess.run(
            other.arguments([try BuiltPrograms.coop(), "watch", "fix-auth"]), environment: session.place.environment)
        #expect(asked.exitCode == 3 && asked.outputBytes.isEmpty, "\(asked)")
    }

    @Test(
        "only this machine's own interface",
        arguments: [
            ("0.0.0.0:0", 126), ("0.0.0.0", 126), ("192.0.2.1:80", 126), ("[::]:0", 126), ("example.com:80", 126), ("::", 126),
            ("127.0.0.1:http", 2),
            ("127.0.0.1:70000", 2), ("[::1", 2), ("127.0.0.1:-1", 2), ("evil\u{1B}[2J:1", 126),
        ])
    func refused(_ address: String, _ code: Int32) throws {
        let session = try WrittenSession(anyone)
        let outcome = try session.coop(["subscribe", "fix-auth", "--bind", address])
        #expect(
            outcome.exitCode == code && outcome.outputBytes.isEmpty && outcome.harm.isEmpty && outcome.error.contains("\nNext: "),
            "\(outcome)")
    }

    @Test("a port that is taken is said; IPv6 works where there is one")
    func ports() throws {
        let session = try WrittenSession(anyone, isLive: true)
        let (process, announced) = try server(session)
        defer { process.signal(SIGTERM) }
        let taken = try session.coop(["subscribe", "fix-auth", "--bind", "127.0.0.1:\(announced.port)"])
        #expect(taken.exitCode == 1 && taken.error.contains("Address already in use"), "\(taken)")
        guard FileSystem.kind("/proc/net/if_inet6") == .file, try !FileSystem.read("/proc/net/if_inet6").isEmpty else { return }
        let (second, six) = try server(session, ["--bind", "[::1]:0"])
        defer { second.signal(SIGTERM) }
        #expect(six.url.hasPrefix("ws://[::1]:"))
    }
}
