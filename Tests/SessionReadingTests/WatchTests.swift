import EventLog
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop watch`: what happens, for people, and every event once, for programs.
@Suite(.serialized) struct WatchTests {
    private func fill(_ session: WrittenSession, with text: String) throws {
        try session.append(.state, ["state": "working"])
        try session.append(.input, ["text": "fix it \(text)\nplease", "by": "me"])
        try session.append(.message, ["role": "assistant", "text": "first \(text)\nsecond"])
        try session.append(.delta, ["of": "message", "text": "a delta"])
        try session.append(.thinking, ["text": "hm \(text)"])
        try session.append(.toolCall, json: ["id": "\"1\"", "name": "\"Bash\"", "input": #"{"command":"make test"}"#])
        try session.append(.toolResult, ["id": "1", "text": (1...20).map { "result \($0) \(text)" }.joined(separator: "\n")])
        try session.append(.toolResult, ["id": "2", "text": String(repeating: "long \(text)", count: 2000)])
        try session.append(
            .todos, json: ["items": #"[{"text":"one","status":"completed"},{"text":"two","status":"in_progress"},{"text":"three"}]"#])
        try session.append(.usage, [:], ["input_tokens": 1200, "output_tokens": 34])
        try session.append(.permission, ["tool": "Bash", "text": "rm -r \(text)"])
        try session.append(.attention, ["reason": "permission", "text": text])
        try session.append(.egress, ["verdict": "deny", "host": "evil\(text).example", "rule": "default"], ["port": 443])
        try session.append(.egress, ["verdict": "allow", "host": "good.example"], ["port": 443])
        try session.append(.file, ["path": "a/b\(text)", "change": "modified"])
        try session.append(.exec, json: ["id": "\"2\"", "command": #"["ls","-l"]"#])
        try session.append(.execExited, ["id": "2"], ["code": 3])
        try session.append(.error, ["text": "error \(text)"])
        try session.append(.raw, ["line": "{raw \(text)"])
        try session.append(EventType(rawValue: "of-tomorrow"), ["text": "unknown"])
        try session.show("terminal\r\n")
    }

    @Test("people see what matters, one line or block each", arguments: TestIdentity.all)
    func rendered(_ identity: TestIdentity) throws {
        let session = try WrittenSession(identity)
        try fill(session, with: "text")
        try session.end(3)
        let outcome = try session.coop(["watch", "fix-auth"])
        // Without the time of day.
        let lines = outcome.output.split(separator: "\n").map { $0.hasPrefix(" ") ? $0 : $0.dropFirst(10) }
        for line in [
            "state     working", "input     fix it text ⏎ please", "assistant first text", "thinking  hm text", "tool      Bash: make test",
            "result    result 1 text", "todos     [x] one", "usage     1200 in, 34 out", "asks      Bash: rm -r text",
            "waits     permission: text", "network   deny eviltext.example:443 by default", "file      modified a/btext",
            "exec      2 ls -l", "exec      2 ended with 3", "error     error text", "raw       {raw text", "exited    with 3",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)\n\(outcome.output)")
        }
        for text in ["second", "[>] two", "[ ] three", "… 14 more lines"] {
            #expect(lines.contains { $0.hasSuffix(" " + text) }, "\(text)")
        }
        for text in ["a delta", "good.example", "unknown", "terminal"] { #expect(!outcome.output.contains(text), "\(text)") }
        #expect(outcome.exitCode == 0 && lines.allSatisfy { $0.count < 260 } && !outcome.output.contains("\u{1B}"))
    }

    @Test("hostile texts are shown as what they are, with colours on a terminal")
    func hostileTexts() throws {
        let session = try WrittenSession(anyone)
        try fill(session, with: hostile)
        try session.append(.failed, ["reason": hostile, "next": hostile])
        try session.end()
        let shown = try session.coop(["watch", "fix-auth"], input: .terminal(rows: 24, columns: 80), environment: ["TERM": "xterm"])
        #expect(shown.harm.isEmpty && shown.output.contains("\u{1B}[31m") && shown.output.contains("\\x1b]0;owned"), "\(shown.harm)")
        let piped = try session.coop(["watch", "fix-auth"])
        #expect(piped.harm.isEmpty && !piped.output.contains("\u{1B}"), "\(piped.harm)")
        for command in [["wait", "fix-auth", "--for", "idle"], ["info", "fix-auth"], ["ps", "-a"]] {
            #expect(try session.coop(command, input: .terminal(rows: 24, columns: 80)).harm.isEmpty, "\(command)")
        }
    }

    @Test("--json: the events as they are, from any number on")
    func json() throws {
        let session = try WrittenSession(anyone)
        try fill(session, with: hostile)
        try session.end()
        let reader = try EventReader(directory: session.directory)
        let events = try reader.events(after: 0)
        let whole = try session.coop(["watch", "fix-auth", "--json"])
        #expect(whole.outputBytes == events.flatMap { $0.json + [0x0A] })
        #expect(numbers(try session.coop(["watch", "fix-auth", "--json", "--from", "5"]).outputBytes) == Array(5...UInt64(events.count)))
        #expect(try session.coop(["watch", "fix-auth", "--json", "--from", "1000000"]).output == "")
    }

    @Test("replay and live join without a gap, and the end comes with the session's")
    func live() throws {
        let session = try WrittenSession(anyone, isLive: true)
        var watchers: [ChildProcess] = []
        for number in 2...400 {
            try session.append(.message, ["text": "event \(number)"])
            if number % 50 == 0 {
                try session.publish()
                watchers.append(try session.place.start(["watch", "fix-auth", "--json"]))
            }
        }
        try session.end()
        for watcher in watchers {
            let outcome = try watcher.wait()
            #expect(outcome.exitCode == 0 && numbers(outcome.outputBytes) == Array(1...401), "\(outcome.error)")
        }
    }

    @Test("a session whose supervisor was killed is over for everybody who waits")
    func killedSupervisor() throws {
        let session = try WrittenSession(anyone, isLive: true)
        try session.append(.state, ["state": "working"])
        try session.show("text\r\n")
        try session.publish()
        let watcher = try session.place.start(["watch", "fix-auth", "--json"])
        let follower = try session.place.start(["logs", "fix-auth", "-f"])
        let waiter = try session.place.start(["wait", "fix-auth"])
        #expect(try watcher.waitUntil { numbers($0.outputBytes).count >= 3 })
        try session.writer.close()
        try session.publish()
        session.die()
        let watched = try watcher.wait()
        #expect(watched.exitCode == 0 && numbers(watched.outputBytes).prefix(3) == [1, 2, 3], "\(watched)")
        let followed = try follower.wait()
        #expect(followed.exitCode == 0 && followed.output == "text\n", "\(followed)")
        let waited = try waiter.wait()
        #expect(waited.exitCode == 1 && waited.error.contains("supervisor was killed"), "\(waited)")
    }

    @Test("readers and writers killed at random: readers that go on from their last number have everything, once")
    func killed() throws {
        let session = try WrittenSession(TestIdentity.all[0], isLive: true)
        try session.writer.close()
        let program = try EventLogProgram.path()
        var seen: [UInt64] = []
        for round in 0..<(EventLogProgram.rounds) {
            let writer = try ChildProcess([program, "write", session.directory])
            let watcher = try session.place.start(["watch", "fix-auth", "--json", "--from", "\((seen.last ?? 0) + 1)"])
            let lines = try session.place.start(["logs", "fix-auth", "-f", "--json"])
            try watcher.waitUntil { numbers($0.outputBytes).count >= Int.random(in: 1...100) }
            if round % 2 == 0 { writer.signal(SIGKILL) }
            watcher.signal(SIGKILL)
            lines.signal(SIGKILL)
            writer.signal(SIGKILL)
            seen += numbers(try watcher.wait().outputBytes)
            _ = try (lines.wait(), writer.wait())
        }
        let last = try EventWriter.open(directory: session.directory)
        try last.append(.exited)
        try last.close()
        try EventReader(directory: session.directory).verify()
        seen += numbers(try session.coop(["watch", "fix-auth", "--json", "--from", "\((seen.last ?? 0) + 1)"]).outputBytes)
        #expect(seen == Array(1...(seen.last ?? 1)) && seen.last == last.committed)
    }
}

/// The program of the benchmark, which writes a log until it is killed.
enum EventLogProgram {
    static var rounds: Int { getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 8 }

    static func path() throws -> String {
        var directory = FileSystem.readLink("/proc/self/exe").map { FileSystem.parent(of: $0) } ?? "/"
        if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) { directory = FileSystem.parent(of: bundle) }
        for place in [directory, FileSystem.normalize(#filePath + "/../../..") + "/.build/debug"]
        where FileSystem.isExecutable(place + "/event-log-benchmark") {
            return place + "/event-log-benchmark"
        }
        throw TestSupportError("event-log-benchmark is not in \(directory): swift build")
    }
}
