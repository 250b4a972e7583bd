import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Testing

@testable import Sessions

/// What is made of the log of a session whose supervisor was killed, by commands that are killed themselves.
@Suite struct OrphanTests {
    /// The summary of a living session, beside a log with these events after its first.
    private func log(_ events: [(EventType, EventFields)]) throws -> String {
        var template = Array("/tmp/coop-test-XXXXXX".utf8CString)
        let directory = String(cString: mkdtemp(&template))
        let writer = try EventWriter.create(directory: directory)
        try writer.append(.started)
        for (type, fields) in events { try writer.append(type, fields) }
        try writer.close()
        try live(directory)
        return directory
    }

    private func live(_ directory: String) throws {
        var summary = SessionSummary(
            id: "abcdefghijkm", name: nil, agent: nil, workspace: "/", command: ["x"], started: 1, hasTerminal: true, arguments: [],
            directory: "/")
        summary.state = .working
        try summary.write(directory: directory)
    }

    private func fields(_ number: (String, Int64)? = nil, _ text: (String, String)? = nil) -> EventFields {
        var fields = EventFields()
        if let number { fields.put(number.0, number.1) }
        if let text { fields.put(text.0, text.1) }
        return fields
    }

    private func types(_ directory: String) throws -> [String] {
        try EventReader(directory: directory).events(after: 0).map(\.type.rawValue)
    }

    @Test("it gets one end, also when whoever wrote that was killed before the summary knew")
    func twice() throws {
        let directory = try log([])
        defer { try? FileSystem.removeTree(directory) }
        for _ in 0..<3 {
            try live(directory)
            try SessionRecorder.orphan(directory: directory)
            #expect(try types(directory) == ["started", "orphaned"])
            let summary = try #require(SessionSummary.read(directory: directory))
            #expect(summary.state == .failed && summary.reason == "its supervisor was killed" && summary.ended != nil)
        }
    }

    @Test("an end that the supervisor still wrote is the session's")
    func ended() throws {
        let cases: [(EventType, EventFields, SessionState, Int32?, String?)] = [
            (.exited, fields(("code", 7)), .exited, 7, nil), (.exited, fields(("signal", 15)), .exited, 143, nil),
            (.failed, fields(nil, ("reason", "the disk is full")), .failed, 125, "the disk is full"),
        ]
        for (type, fields, state, code, reason) in cases {
            let directory = try log([(type, fields)])
            defer { try? FileSystem.removeTree(directory) }
            try SessionRecorder.orphan(directory: directory)
            #expect(try types(directory) == ["started", type.rawValue])
            let summary = try #require(SessionSummary.read(directory: directory))
            #expect(summary.state == state && summary.code == code && summary.reason == reason, "\(summary)")
        }
    }
}
