import Glibc
import LinuxKernel
import Testing

@testable import NativeEngine

/// The conversation with systemd, against answers that were written beforehand into the other end of a socket.
@Suite struct SystemdScopeTests {
    private let greeting = Array("OK 0123456789abcdef0123456789abcdef\r\n".utf8)

    /// Lets a connection ask for `coop-x.scope` while `answer` is all that comes back.
    private func ask(_ answer: [UInt8], isBus: Bool = false, hangUp: Bool = true, milliseconds: Int = 60_000) throws -> [UInt8] {
        var numbers: [Int32] = [0, 0]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &numbers) }
        let (ours, peer) = (Descriptor(owning: numbers[0]), Descriptor(owning: numbers[1]))
        try peer.writeAll(answer)
        if hangUp { try check("shutdown") { shutdown(peer.number, Int32(SHUT_WR)) } }
        var connection = SystemdScope.Connection(
            connected: ours, to: .init(path: "/run/test", isBus: isBus), uid: 1000, deadline: .init(milliseconds: milliseconds))
        try connection.startScope("coop-x.scope", pid: 4242)
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = try check("recv") { recv(peer.number, &buffer, buffer.count, 0) }
        return Array(buffer.prefix(count))
    }

    private func reply(job: String) -> [UInt8] {
        var message = DBusMessage(kind: .methodReturn, serial: 1)
        message.replySerial = 3
        return message.with("o") { $0.string(job) }.encoded
    }

    private func removed(job: String, unit: String = "coop-x.scope", result: String = "done") -> [UInt8] {
        var message = DBusMessage(kind: .signal, serial: 2)
        message.path = "/org/freedesktop/systemd1"
        message.interface = "org.freedesktop.systemd1.Manager"
        message.member = "JobRemoved"
        return message.with("uoss") {
            $0.uint32(7)
            $0.string(job)
            $0.string(unit)
            $0.string(result)
        }.encoded
    }

    @Test func `the scope is there when its job is done`() throws {
        let sent = try ask(greeting + reply(job: "/job/7") + removed(job: "/job/7"))
        // 31303030 is "1000" in hexadecimal, as EXTERNAL wants it.
        #expect(sent.starts(with: Array("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n".utf8)))
        let request = Array(sent.dropFirst("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n".utf8.count))
        #expect(try DBusMessage(decoding: request).member == "StartTransientUnit")
    }

    @Test func `a bus is greeted first`() throws {
        let sent = try ask(greeting + reply(job: "/job/7") + removed(job: "/job/7"), isBus: true)
        var rest = Array(sent.dropFirst("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n".utf8.count))
        var members: [String?] = []
        while let length = try DBusMessage.length(of: rest) {
            members.append(try DBusMessage(decoding: Array(rest.prefix(length))).member)
            rest.removeFirst(length)
        }
        #expect(members == ["Hello", "AddMatch", "StartTransientUnit"])
    }

    @Test func `the signal may come before the reply, among those of other units`() throws {
        let sent = try ask(
            greeting + removed(job: "/job/6", unit: "other.scope", result: "failed") + removed(job: "/job/7") + reply(job: "/job/7"))
        #expect(String(decoding: sent, as: UTF8.self).contains("StartTransientUnit"))
    }

    @Test func `a job that fails is an error`() {
        #expect(throws: SystemdScope.Refusal(text: "the job for coop-x.scope ended with `failed`")) {
            try ask(greeting + reply(job: "/job/7") + removed(job: "/job/7", result: "failed"))
        }
    }

    @Test func `systemd's own words reach the user, without terminal escapes`() {
        var message = DBusMessage(kind: .error, serial: 1)
        message.errorName = "org.freedesktop.systemd1.UnitExists"
        message.replySerial = 3
        #expect(throws: SystemdScope.Refusal(text: "Unit exists\\x1b[2J")) {
            try ask(greeting + message.with("s") { $0.string("Unit exists\u{1b}[2J") }.encoded)
        }
        #expect(throws: SystemdScope.Refusal(text: "org.freedesktop.systemd1.UnitExists")) { try ask(greeting + message.encoded) }
    }

    @Test func `a rejected authentication is an error`() {
        #expect(throws: SystemdScope.Refusal(text: "authentication: REJECTED EXTERNAL")) { try ask(Array("REJECTED EXTERNAL\r\n".utf8)) }
    }

    @Test func `silence ends with the deadline`() {
        #expect(throws: SystemError("wait for systemd at", "/run/test", errno: ETIMEDOUT)) {
            try ask(greeting, hangUp: false, milliseconds: 1)
        }
    }

    @Test func `a connection that is closed is an error`() {
        #expect(throws: SystemError("recv", "/run/test", errno: ECONNRESET)) { try ask(greeting + reply(job: "/job/7")) }
    }

    @Test func `hostile answers are errors, never crashes`() {
        let good = greeting + reply(job: "/job/7") + removed(job: "/job/7", result: "failed")
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0...Int.random(in: 0...6) { bytes[Int.random(in: 0..<bytes.count)] = UInt8.random(in: 0...255) }
            #expect(throws: (any Error).self) { try ask(bytes) }
        }
    }

    @Test func `the private socket is asked before the bus, in the user's directories`() {
        #expect(
            SystemdScope.sockets(uid: 1000, runtimeDirectory: "/run/user/1000/").map(\.path)
                == ["/run/user/1000/systemd/private", "/run/user/1000/bus"])
        #expect(
            SystemdScope.sockets(uid: 1000, runtimeDirectory: "/elsewhere").map(\.path)
                == ["/elsewhere/systemd/private", "/run/user/1000/systemd/private", "/elsewhere/bus", "/run/user/1000/bus"])
        #expect(SystemdScope.sockets(uid: 1000, runtimeDirectory: "relative") == SystemdScope.sockets(uid: 1000, runtimeDirectory: nil))
        #expect(SystemdScope.sockets(uid: 0, runtimeDirectory: "/run/user/1000").first?.path == "/run/systemd/private")
    }

    @Test(arguments: ["", ".x", "a/b", "a@b", "a b", "a\\b", "a\nb", "ä", String(repeating: "x", count: 241)])
    func `a name that systemd would read otherwise is refused`(name: String) {
        #expect(!SystemdScope.isValidName(name))
    }

    @Test func `ordinary names are accepted`() {
        #expect(SystemdScope.isValidName("coop-7f3a.b_c:1"))
    }
}
