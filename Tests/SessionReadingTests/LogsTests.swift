import EventLog
import FoundationEssentials
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop logs`: lines that anybody can read, and nothing else.
@Suite struct LogsTests {
    @Test("a terminal's output is lines of text", arguments: TestIdentity.all)
    func lines(_ identity: TestIdentity) throws {
        let session = try WrittenSession(identity)
        try session.show("\u{1B}[1;31mred\u{1B}[0m and plain\r\n  10%\r  50%\r 100% done\r\n")
        try session.show("over\u{1B}[4Cblanks\u{1B}[K\r\nab\u{8}c 漢\u{8}字\r\n\u{1B}[5;1Hat a place\u{1B}[7;1Hat another\r\nlast")
        try session.append(.message, ["role": "assistant", "text": "said\nin two lines"])
        try session.end()
        let expected = [
            "red and plain", " 100% done", "over    blanks", "ac 字", "at a place", "at another", "said", "in two lines", "last",
        ]
        for id in ["fix-auth", WrittenSession.id, "abcd"] {
            let outcome = try session.coop(["logs", id])
            #expect(
                outcome.exitCode == 0 && outcome.output == expected.map { $0 + "\n" }.joined() && outcome.errorBytes.isEmpty, "\(outcome)")
        }
        #expect(try session.coop(["logs", "fix-auth", "-n", "2"]).output == "in two lines\nlast\n")
        #expect(try session.coop(["logs", "fix-auth", "-n", "0"]).output == "")
        struct Line: Decodable {
            var version: Int
            var at: String
            var source: String
            var text: String
        }
        let json = try session.coop(["logs", "fix-auth", "--json"]).output.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        #expect(json.map(\.text) == expected && json.map(\.source).suffix(3) == ["message", "message", "terminal"])
        #expect(json.allSatisfy { $0.version == 1 && $0.at.hasSuffix("Z") })
    }

    @Test("of a long log the last lines, whatever they need", arguments: [1, 10, 60_000])
    func last(_ count: Int) throws {
        let session = try WrittenSession(anyone)
        for number in 0..<100 {
            try session.show((0..<1000).map { "line \(number * 1000 + $0) of a log\r\n" }.joined())
            try session.writer.flush()
        }
        try session.end()
        let outcome = try session.coop(["logs", "fix-auth", "-n", "\(count)"])
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == count && lines.first == "line \(100_000 - count) of a log" && lines.last == "line 99999 of a log")
    }

    @Test("colours stay on a terminal, nothing else does; nowhere does anything reach it that it would obey")
    func hostileOutput() throws {
        let session = try WrittenSession(anyone)
        try session.show("\u{1B}[32mgreen\u{1B}[0m \(hostile)\r\n")
        for type in [EventType.message, .raw, .error] { try session.append(type, ["role": hostile, "text": hostile, "line": hostile]) }
        try session.end()
        let piped = try session.coop(["logs", "fix-auth"])
        #expect(
            piped.output.hasPrefix("green abcdef\u{FFFD}2Jgh\n") && piped.harm.isEmpty && !piped.output.contains("\u{1B}"), "\(piped.harm)")
        for (term, hasColor) in [("xterm", true), ("dumb", false)] {
            let shown = try session.coop(["logs", "fix-auth"], input: .terminal(rows: 24, columns: 80), environment: ["TERM": term])
            #expect(shown.output.contains("\u{1B}[32mgreen") == hasColor && shown.harm.isEmpty, "\(shown.harm)")
        }
        let plain = try session.coop(
            ["logs", "fix-auth"], input: .terminal(rows: 24, columns: 80), environment: ["TERM": "xterm", "NO_COLOR": "1"])
        #expect(!plain.output.contains("\u{1B}"))
    }

    @Test("random output is text and colours too")
    func fuzzed() throws {
        let session = try WrittenSession(anyone)
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "\u{1B}[", "\u{1B}]", "\u{1B}P", "m", "C", "\u{8}", "\r", "\n", ";", "38;5;1", "漢", "e\u{301}", "\u{9B}", "\u{7}", "\u{1B}\\",
        ]
        for _ in 0..<200 {
            for _ in 0..<50 { try session.show(pieces.randomElement(using: &random) ?? "") }
            try session.writer.append(terminal: (0..<50).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        try session.append(
            .message, ["text": String(decoding: (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }, as: UTF8.self)])
        try session.end()
        for command in ["logs", "watch"] {
            let shown = try session.coop([command, "fix-auth"], input: .terminal(rows: 24, columns: 80), environment: ["TERM": "xterm"])
            #expect(shown.exitCode == 0 && shown.harm.isEmpty, "\(shown.harm.prefix(3))")
            let piped = try session.coop([command, "fix-auth"])
            #expect(piped.exitCode == 0 && piped.harm.isEmpty && !piped.outputBytes.contains(0x1B), "\(piped.harm.prefix(3))")
        }
        let json = try session.coop(["logs", "fix-auth", "--json"])
        #expect(json.harm.isEmpty && json.output.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"version\":1,") && $0.hasSuffix("}") })
    }

    @Test("--raw: the bytes as they are to a file, what draws to a terminal")
    func raw() throws {
        let session = try WrittenSession(anyone)
        let text = "\u{1B}[2J\u{1B}[32m\(hostile)\r\n\u{1B}[?1049h"
        try session.show(text)
        try session.end()
        #expect(try session.coop(["logs", "fix-auth", "--raw"]).outputBytes == Array(text.utf8))
        let shown = try session.coop(["logs", "fix-auth", "--raw"], input: .terminal(rows: 24, columns: 80)).output
        #expect(
            shown.contains("\u{1B}[2J\u{1B}[32mabcdef") && !shown.contains("\u{1B}]") && !shown.contains("\u{1B}[6n")
                && !shown.contains("\u{1B}P"))
        #expect(try session.coop(["logs", "fix-auth", "--raw", "-n", "1"]).exitCode == 2)
    }

    @Test("-f goes on until the session is over, and every line comes once", arguments: [[], ["--raw"], ["-n", "1"]])
    func follow(_ options: [String]) throws {
        let session = try WrittenSession(anyone, isLive: true)
        try session.show("one\ntwo\n")
        try session.publish()
        let follower = try session.place.start(["logs", "fix-auth", "-f"] + options)
        #expect(try follower.waitForOutput("two\n"))
        for number in 0..<200 {
            try session.show("line \(number)\n")
            if number % 20 == 0 { try session.writer.flush() }
        }
        try session.writer.flush()
        #expect(try follower.waitForOutput("line 199\n"))
        try session.show("end")
        try session.end()
        let outcome = try follower.wait()
        let expected = (options == ["-n", "1"] ? "two\n" : "one\ntwo\n") + (0..<200).map { "line \($0)\n" }.joined() + "end"
        #expect(outcome.exitCode == 0 && outcome.output == expected + (options == ["--raw"] ? "" : "\n"), "\(outcome)")
    }

    @Test("readers may be there before the log is", arguments: [["logs", "-f"], ["logs", "-f", "--raw"], ["watch", "--json"], ["wait"]])
    func early(_ command: [String]) throws {
        let session = try WrittenSession(TestIdentity.all[0], isLive: true, hasBegun: false)
        let reader = try session.place.start(command + ["fix-auth"])
        #expect(try reader.waitUntil { watches($0.pid) })
        try session.show("text\n")
        try session.end(7)
        let outcome = try reader.wait()
        #expect(outcome.exitCode == (command == ["wait"] ? 7 : 0), "\(outcome)")
        if command.first == "logs" { #expect(outcome.output == "text\n") }
        if command.first == "watch" { #expect(numbers(outcome.outputBytes) == [1, 2]) }
    }

    /// Whether a process has an inotify(7) instance: it has looked and waits.
    private func watches(_ process: pid_t) -> Bool {
        let numbers = (try? FileSystem.list("/proc/\(process)/fd")) ?? []
        return numbers.contains { FileSystem.readLink("/proc/\(process)/fd/\($0)")?.contains("inotify") ?? false }
    }

    @Test("who is not there, and who is not unique")
    func errors() throws {
        let session = try WrittenSession(anyone)
        for command in [["logs"], ["watch"], ["wait"], ["subscribe"]] {
            for id in ["nobody", "abc", "no\u{1B}]0;x\u{7}"] {
                let outcome = try session.coop(command + [id])
                #expect(outcome.exitCode == 1 && outcome.error.contains("\nNext: coop ps -a\n") && outcome.harm.isEmpty, "\(outcome)")
            }
        }
        #expect(try session.coop(["logs", "fix-auth", "-n", "-1"]).exitCode == 2)
        #expect(try session.coop(["watch", "fix-auth", "--from", "0"]).exitCode == 2)
        #expect(try session.coop(["subscribe", "fix-auth", "--from", "0"]).exitCode == 2)
    }

    @Test("a reader that goes away ends it")
    func brokenPipe() throws {
        let session = try WrittenSession(anyone)
        try session.show(String(repeating: "line\n", count: 200_000))
        try session.end()
        let coop = try BuiltPrograms.coop()
        let outcome = try session.place.outside(["/bin/bash", "-c", "\(coop) logs fix-auth | head -1; echo ${PIPESTATUS[0]}"])
        #expect(["line\n0\n", "line\n141\n"].contains(outcome.output) && outcome.errorBytes.isEmpty, "\(outcome)")
    }
}

/// An identity for what does not depend on it.
let anyone = TestIdentity.ordinary.first ?? .root
