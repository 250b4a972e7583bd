import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import TestSupport
import Testing
import WardenProtocol

@testable import Sessions

/// What further commands write, as their clients copy it, becomes a part of the log.
@Suite struct ExecutionRecorderTests {
    private final class Fixture {
        let directory: String
        let loop = EventLoop()
        let recorder: SessionRecorder
        let executions: ExecutionRecorder

        init(isDeferred: Bool = false) throws {
            var template = Array("/tmp/coop-test-XXXXXX".utf8CString)
            directory = String(cString: mkdtemp(&template))
            let summary = SessionSummary(
                id: "abcdefghijkm", name: nil, agent: nil, workspace: "/", command: ["x"], started: 1, hasTerminal: true, arguments: [],
                directory: "/")
            recorder = try SessionRecorder(directory: directory, summary: summary, loop: loop, stream: nil, isDeferred: isDeferred) {
                () throws(CoopError) in
            }
            executions = ExecutionRecorder(recorder: recorder, loop: loop)
        }

        deinit { try? FileSystem.removeTree(directory) }

        func begin(_ id: UInt32) throws -> Descriptor {
            let request = ProcessRequest(
                id: id, arguments: ["a", "b"], environment: [], workingDirectory: "", streams: [.null, .passed, .passed], umask: 0)
            try executions.began(id, request)
            return try #require(try executions.copy(of: id))
        }

        func run(milliseconds: UInt64 = 50) throws {
            loop.after(milliseconds: milliseconds) { self.loop.stop() }
            try loop.run()
        }

        /// The types of the events and what was written.
        func log() throws -> (types: [String], written: String) {
            try recorder.flush()
            let reader = try EventReader(directory: directory)
            let events = try reader.events(after: 0).filter { $0.type.rawValue.hasPrefix("exec") }
            let written = events.contains { $0.type == .execOutput } ? try reader.executions(offset: 0, count: 1 << 20) : []
            return (events.map(\.type.rawValue), String(decoding: written, as: UTF8.self))
        }
    }

    private func send(_ text: String, to copy: Descriptor) throws { try copy.writeAll(text.utf8, subject: "copy") }

    @Test("its end comes after everything that it wrote, though that is still on its way")
    func order() throws {
        // After the recorder's patience of 5 s the end comes anyway: a round that took so long shows nothing.
        for _ in 0..<20 {
            let fixture = try Fixture()
            let begun = EventLoop.now()
            var copy: Descriptor? = try fixture.begin(2)
            try fixture.executions.ended(2, .exited(3))
            try send("late", to: try #require(copy))
            try fixture.run()
            let open = try fixture.log().types
            copy = nil
            let expected = ["exec", "exec_output", "exec_exited"]
            // A child of another test that has not executed yet holds a copy of it.
            try Deadline.poll(seconds: 3) {
                try fixture.run(milliseconds: 5)
                return try fixture.log().types == expected
            }
            let log = try fixture.log()
            guard EventLoop.now() - begun < 5000 else { continue }
            #expect(open == ["exec", "exec_output"])
            #expect(log.types == expected && log.written == "late")
            return
        }
        throw TestSupportError("the machine is too slow")
    }

    @Test("a client that keeps its copy open does not keep the session from its end")
    func stuck() throws {
        let fixture = try Fixture()
        let copy = try fixture.begin(2)
        try send("words", to: copy)
        try fixture.executions.ended(2, .signaled(9))
        try fixture.executions.finish()
        let log = try fixture.log()
        #expect(log.types == ["exec", "exec_output", "exec_exited"] && log.written == "words")
        withExtendedLifetime(copy) {}
    }

    @Test("a run that leaves no log yet gets one when a further command writes")
    func deferred() throws {
        let fixture = try Fixture(isDeferred: true)
        let copy = try fixture.begin(2)
        #expect(!fixture.recorder.isKept)
        try send("x", to: copy)
        try fixture.run()
        #expect(fixture.recorder.isKept)
        #expect(try fixture.log().types == ["exec", "exec_output"])
    }

    @Test("what is not known to have begun has no end")
    func unknown() throws {
        let fixture = try Fixture()
        try fixture.executions.ended(1, .exited(0))
        #expect(try fixture.executions.copy(of: 1) == nil)
        #expect(try fixture.log().types == [])
    }
}
