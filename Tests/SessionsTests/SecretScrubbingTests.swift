import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import Substitution
import TestSupport
import Testing
import WardenProtocol

@testable import Sessions

/// The values of secrets are not in what a session leaves, however they arrive.
@Suite struct SecretScrubbingTests {
    private static let secret = "npm_7Qd/Zt\"ab38XkWv"
    private static let mask = String(repeating: "*", count: secret.utf8.count)

    private final class Fixture {
        let directory: String
        let recorder: SessionRecorder
        private final class Known { var secrets: [String] = [] }
        private let known = Known()

        init(_ secrets: [String] = [SecretScrubbingTests.secret], command: [String] = ["x"], isDeferred: Bool = false) throws {
            var template = Array("/tmp/coop-test-XXXXXX".utf8CString)
            directory = String(cString: mkdtemp(&template))
            let summary = SessionSummary(
                id: "abcdefghijkm", name: nil, agent: nil, workspace: "/", command: command, started: 1, hasTerminal: true, arguments: [],
                directory: "/")
            let known = known
            known.secrets = secrets
            recorder = try SessionRecorder(directory: directory, summary: summary, loop: EventLoop(), stream: nil, isDeferred: isDeferred) {
                () throws(CoopError) in
            } secrets: { () throws(CoopError) in
                PatternTable.masking(known.secrets.map { SecretBytes(copying: $0.utf8) })
            }
        }

        deinit { try? FileSystem.removeTree(directory) }

        func know(_ secret: String) throws {
            known.secrets.append(secret)
            try recorder.renewSecrets()
        }

        /// What was written for the bytes.
        @discardableResult
        func receive(_ text: String) throws -> String { String(decoding: try recorder.received(Array(text.utf8)).written, as: UTF8.self) }

        /// The terminal's bytes and the fields of the events of a type, at the end.
        func end() throws -> (terminal: String, executed: String, events: [String]) {
            try recorder.exited(0)
            let reader = try EventReader(directory: directory)
            let terminal = try FileSystem.read(directory + "/terminal")
            let events = try reader.events(after: 0).map { "\($0.type.rawValue) \(String(decoding: $0.fields, as: UTF8.self))" }
            let executed = (try? FileSystem.read(directory + "/exec")) ?? []
            return (String(osBytes: terminal), String(osBytes: executed), events)
        }
    }

    @Test("wherever it is cut, and its mask is as long as it was")
    func cut() throws {
        let bytes = Array(Self.secret.utf8)
        for place in 1..<bytes.count {
            let fixture = try Fixture()
            try fixture.receive("before \(String(decoding: bytes[..<place], as: UTF8.self))")
            #expect(fixture.recorder.heldBack == Array(bytes[..<place]) && fixture.recorder.terminalEnd == 7)
            try fixture.receive("\(String(decoding: bytes[place...], as: UTF8.self)) after")
            #expect(fixture.recorder.heldBack == [])
            #expect(try fixture.end().terminal == "before \(Self.mask) after")
        }
        let fixture = try Fixture()
        for byte in bytes + bytes { _ = try fixture.recorder.received([byte]) }
        #expect(try fixture.end().terminal == Self.mask + Self.mask)
    }

    @Test("what only begins like one is written in the end")
    func beginning() throws {
        let fixture = try Fixture()
        #expect(try fixture.receive("$ npm") == "$ ")
        #expect(try fixture.receive(" install") == "npm install")
        try fixture.receive("\r\nnpm_7Qd")
        #expect(try fixture.end().terminal == "$ npm install\r\nnpm_7Qd")
    }

    @Test("a question to the terminal is not held back, though it ends as a secret begins")
    func question() throws {
        let fixture = try Fixture()
        let (written, asks) = try fixture.recorder.received(Array("\u{1B}[6n".utf8))
        #expect(asks && written == Array("\u{1B}[6n".utf8) && fixture.recorder.heldBack == [])
        try fixture.receive(Self.secret)
        #expect(try fixture.end().terminal == "\u{1B}[6n" + Self.mask)
    }

    @Test("in the other forms of text, and of several lines")
    func forms() throws {
        let key = "-----BEGIN KEY-----\nMIIEabc\nxyz==\n-----END KEY-----\n"
        let fixture = try Fixture([Self.secret, key])
        try fixture.receive(#"{"a":"npm_7Qd/Zt\"ab38XkWv"} npm_7Qd%2FZt%22ab38XkWv"# + "\r\n")
        try fixture.receive("-----BEGIN KEY-----\r\nMIIEabc\r")
        try fixture.receive("\nxyz==\r\n-----END KEY-----\r\n$ ")
        try fixture.recorder.typed(Array("-----BEGIN KEY-----\r".utf8), by: "terminal", isWhole: false)
        try fixture.recorder.typed(Array("MIIEabc\rxyz==\r".utf8), by: "terminal", isWhole: false)
        try fixture.recorder.typed(Array("-----END KEY-----\r".utf8), by: "terminal", isWhole: false)
        let (terminal, _, events) = try fixture.end()
        for part in ["7Qd", "XkWv", "MIIE", "xyz"] {
            #expect(!terminal.contains(part) && !events.contains { $0.contains(part) }, "\(part)")
        }
        #expect(terminal.hasSuffix("*\r\n$ ") && terminal.hasPrefix(#"{"a":"*"#), "\(terminal)")
    }

    @Test("typed, sent, in the words of commands and what they write, and in a notification")
    func elsewhere() throws {
        let fixture = try Fixture(command: ["curl", "-H", "Authorization: \(Self.secret)"], isDeferred: true)
        try fixture.recorder.executed(2, ["echo", Self.secret], size: nil)
        try fixture.recorder.begin()
        for piece in ["npm_7Qd/Zt", "\"ab38XkWv\r"] { try fixture.recorder.typed(Array(piece.utf8), by: "terminal", isWhole: false) }
        try fixture.recorder.typed(Array("key=\(Self.secret)".utf8), by: "send", isWhole: true)
        for piece in ["one npm_", "7Qd/Zt\"ab38XkWv two npm"] { try fixture.recorder.executionWrote(2, Array(piece.utf8)) }
        try fixture.recorder.executionEnded(2, .exited(0))
        try fixture.receive("\u{1B}]9;the key is \(Self.secret)\u{07}")
        let (terminal, executed, events) = try fixture.end()
        #expect(!terminal.contains("XkWv") && executed == "one \(Self.mask) two npm", "\(executed)")
        #expect(!events.contains { $0.contains("XkWv") || $0.contains("7Qd") }, "\(events)")
        #expect(events.filter { $0.hasPrefix("input") }.map { $0.contains("**") } == [true, true], "\(events)")
        #expect(events.contains { $0.hasPrefix("started") && $0.contains("Authorization: \(Self.mask)") }, "\(events)")
        #expect(events.contains { $0.hasPrefix("exec ") && $0.contains(Self.mask) }, "\(events)")
    }

    @Test("every one of a thousand, as it is")
    func many() throws {
        let fixture = try Fixture((0..<1000).map { "secret-number-\($0)-x" })
        for number in [0, 499, 999] { try fixture.receive("<secret-number-\(number)-x>") }
        #expect(try !fixture.end().terminal.contains("secret"))
    }

    @Test("another secret that becomes known while the beginning of one is held back")
    func renewed() throws {
        let fixture = try Fixture()
        try fixture.receive("a npm_7Qd")
        try fixture.know("new-token-0123456789")
        try fixture.receive("/Zt\"ab38XkWv b new-token-")
        #expect(fixture.recorder.heldBack == Array("new-token-".utf8))
        try fixture.receive("0123456789")
        #expect(try fixture.end().terminal == "a \(Self.mask) b \(String(repeating: "*", count: 20))")
    }
}
