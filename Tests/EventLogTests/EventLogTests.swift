import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import EventLog

/// What is appended is read back, in order and once, by whoever asks.
@Suite struct EventLogTests {
    private func fields(_ text: String) -> EventFields {
        var fields = EventFields()
        fields.put("text", text)
        return fields
    }

    @Test("events are numbered from one without a gap and read from any cursor")
    func cursor() throws {
        let scratch = try Scratch()
        let writer = try EventWriter.create(directory: scratch.path)
        for number in 1...2500 { #expect(try writer.append(.message, fields("\(number)")) == UInt64(number)) }
        try writer.flush()
        #expect(writer.committed == 2500)
        // Beside the writer.
        #expect(try scratch.all().map(\.sequence) == Array(1...2500))
        #expect(try scratch.all(after: 2498).map(\.sequence) == [2499, 2500])
        #expect(try scratch.all(after: 2500).isEmpty)
        #expect(try scratch.all(after: .max).isEmpty)
        try writer.close()
        #expect(throws: CoopError.self) { try writer.append(.message) }
        // After it.
        let reader = try EventReader(directory: scratch.path)
        try reader.verify()
        #expect(try reader.last() == 2500)
    }

    @Test("a log goes on where it ended")
    func reopened() throws {
        let scratch = try Scratch()
        for round in 0..<3 {
            let writer = try EventWriter.open(directory: scratch.path)
            for number in 1...10 { #expect(try writer.append(.message) == UInt64(round * 11 + number)) }
            try writer.append(terminal: Array("round \(round) ".utf8))
            try writer.close()
        }
        let reader = try EventReader(directory: scratch.path)
        #expect(try reader.last() == 33)
        #expect(try reader.terminal(offset: 0, count: 100) == Array("round 0 round 1 round 2 ".utf8))
        for name in try FileSystem.list(scratch.path) {
            #expect(try FileSystem.status(scratch.path + "/" + name)?.st_mode == S_IFREG | 0o600, "\(name)")
        }
    }

    @Test("what further commands write is kept apart from the terminal, each part by its event")
    func written() throws {
        let scratch = try Scratch()
        let writer = try EventWriter.create(directory: scratch.path)
        for (bytes, command) in [("one ", 2), ("two ", 2), ("three ", 3), ("four ", 2)] as [(String, UInt32)] {
            try writer.append(written: Array(bytes.utf8), by: command)
        }
        try writer.append(terminal: Array("terminal".utf8))
        try writer.append(written: Array("five".utf8), by: 2)
        try writer.append(written: [], by: 2)
        try writer.close()
        var reader = try EventReader(directory: scratch.path)
        func parts() throws -> [String] {
            try scratch.all().filter { $0.type == .execOutput }.map { event in
                let numbers = String(decoding: event.fields, as: UTF8.self).split { !$0.isNumber }.compactMap { Int64($0) }
                let bytes = try reader.executions(offset: numbers[1], count: Int(numbers[2]))
                return "\(numbers[0]) \(String(decoding: bytes, as: UTF8.self))"
            }
        }
        // Whether pieces of one command join depends on the batches.
        let joined = try parts().joined(separator: "|").replacing("|2 two ", with: "two ")
        #expect(joined == "2 one two |3 three |2 four |2 five")
        #expect(try reader.terminal(offset: 0, count: 100) == Array("terminal".utf8))
        #expect(try FileSystem.status(scratch.path + "/exec")?.st_mode == S_IFREG | 0o600)

        // A writer that was killed has left bytes that no event gives to anybody, or a power loss has taken some.
        let end = try #require(try FileSystem.status(scratch.path + "/exec")?.st_size)
        try Descriptor.open(scratch.path + "/exec", O_WRONLY | O_APPEND).writeAll("nobody's".utf8, subject: "exec")
        var next = try EventWriter.open(directory: scratch.path)
        try next.close()
        #expect(try FileSystem.status(scratch.path + "/exec")?.st_size == end)
        _ = truncate(scratch.path + "/exec", end - 4)
        next = try EventWriter.open(directory: scratch.path)
        try next.append(written: Array("six".utf8), by: 4)
        try next.close()
        reader = try EventReader(directory: scratch.path)
        #expect(try parts().suffix(2) == ["2 \0\0\0\0", "4 six"])
        try reader.verify()
    }

    @Test("an event is one line of JSON, whatever its text holds")
    func json() throws {
        var fields = EventFields()
        fields.put("text", "a\"b\\c\n\u{1}\u{7F}é🦆")
        fields.put("bad", content: [0x61, 0xFF, 0xC3, 0x28, 0x62])
        fields.put("flag", true)
        fields.put("count", -5)
        fields.put("nested", json: "[1,2]".utf8)
        let event = Event(sequence: 7, time: EventTime(microseconds: 1_772_366_400_250_123), type: .message, fields: fields.object())
        #expect(
            String(decoding: event.json, as: UTF8.self) == #"{"v":1,"seq":7,"at":"2026-03-01T12:00:00.250123Z","type":"message","#
                + #""text":"a\"b\\c\n\u0001\u007fé🦆","bad":"a"# + "\u{FFFD}\u{FFFD}(b" + #"","flag":true,"count":-5,"nested":[1,2]}"#)
        let bare = Event(sequence: 1, time: EventTime(microseconds: 0), type: .started, fields: EventFields().object())
        #expect(String(decoding: bare.json, as: UTF8.self) == #"{"v":1,"seq":1,"at":"1970-01-01T00:00:00.000000Z","type":"started"}"#)
    }

    @Test("a long text is kept once, by its hash")
    func contents() throws {
        let scratch = try Scratch()
        let writer = try EventWriter.create(directory: scratch.path)
        let long = Array(repeating: UInt8(ascii: "y"), count: 1_000_000)
        for _ in 0..<20 {
            var fields = EventFields()
            fields.put("text", content: long)
            try writer.append(.toolResult, fields)
        }
        try writer.close()
        let reader = try EventReader(directory: scratch.path)
        let events = try scratch.all()
        let text = String(decoding: events[0].fields, as: UTF8.self)
        #expect(events.count == 20 && text.hasPrefix(#"{"text":{"sha256":""#) && text.hasSuffix(#"","bytes":1000000}}"#))
        let hash = String(text.dropFirst(19).prefix(64))
        #expect(try reader.content(sha256: hash) == long)
        #expect(try reader.content(sha256: String(repeating: "0", count: 64)) == nil)
        #expect(try reader.content(sha256: "no hash") == nil)
        #expect(try #require(try FileSystem.status(scratch.path + "/events.db")).st_size < 3_000_000)
    }

    @Test("the terminal's bytes lie in a file of their own, and events say which are whose")
    func terminal() throws {
        let scratch = try Scratch()
        let writer = try EventWriter.create(directory: scratch.path)
        try writer.append(terminal: Array("one\r\n".utf8))
        try writer.flush()
        try writer.append(.resized)
        try writer.append(terminal: Array("two".utf8))
        try writer.append(terminal: Array("three".utf8))
        try writer.append(.exited)
        try writer.close()
        let reader = try EventReader(directory: scratch.path)
        let events = try scratch.all()
        #expect(events.first?.type == .terminal && events.last?.type == .exited)
        let places = events.filter { $0.type == .terminal }.map { String(decoding: $0.fields, as: UTF8.self) }
        #expect(places.first == #"{"offset":0,"bytes":5}"#)
        #expect(places == [#"{"offset":0,"bytes":5}"#, #"{"offset":5,"bytes":8}"#] || places.count == 3, "\(places)")
        #expect(try reader.terminal(offset: 0, count: 100) == Array("one\r\ntwothree".utf8))
        #expect(try reader.terminal(offset: 5, count: 3) == Array("two".utf8))
        #expect(try reader.terminal(offset: 50, count: 3).isEmpty)
        try reader.verify()
    }

    @Test("terminal bytes that no event knows become an event; missing ones become NULs")
    func terminalRepair() throws {
        let scratch = try Scratch()
        let writer = try EventWriter.create(directory: scratch.path)
        try writer.append(terminal: Array("known".utf8))
        try writer.close()
        try Descriptor.open(scratch.path + "/terminal", O_WRONLY | O_APPEND).writeAll("more".utf8)
        try EventWriter.open(directory: scratch.path).close()
        #expect(try scratch.all().map { String(decoding: $0.fields, as: UTF8.self) }.last == #"{"offset":5,"bytes":4}"#)
        #expect(truncate(scratch.path + "/terminal", 7) == 0)
        let again = try EventWriter.open(directory: scratch.path)
        try again.append(terminal: Array("!".utf8))
        try again.close()
        let reader = try EventReader(directory: scratch.path)
        #expect(try reader.terminal(offset: 0, count: 100) == Array("knownmo\0\0!".utf8))
        #expect(try scratch.all().map(\.sequence) == [1, 2, 3])
    }

    @Test("followers see every event once, however they are interleaved with the writer")
    func followers() throws {
        let scratch = try Scratch()
        // Before there is a log at all, and in the middle of it.
        let early = try EventFollower(directory: scratch.path)
        #expect(try early.next().isEmpty)
        let writer = try EventWriter.create(directory: scratch.path)
        var seen: [UInt64] = []
        var late: EventFollower?
        var seenLate: [UInt64] = []
        for number in 1...3000 {
            try writer.append(.delta)
            if number % 7 == 0 { seen += try early.next(limit: 5).map(\.sequence) }
            if number == 1500 {
                try writer.flush()
                late = try EventFollower(directory: scratch.path, after: 1400)
            }
            if number % 100 == 0 { seenLate += try late?.next(limit: 1000).map(\.sequence) ?? [] }
        }
        try writer.flush()
        while (seen.last ?? 0) < 3000 { seen += try early.next().map(\.sequence) }
        while (seenLate.last ?? 0) < 3000 { seenLate += try late?.next().map(\.sequence) ?? [] }
        #expect(seen == Array(1...3000))
        #expect(seenLate == Array(1401...3000))
        // Nothing new; then one event wakes it.
        #expect(try early.next().isEmpty)
        try writer.append(.exited)
        #expect(try early.wait(milliseconds: 60_000))
        try writer.flush()
        #expect(try early.next().map(\.type) == [.exited])
        try writer.close()
    }

    @Test("what comes from elsewhere is refused: another version, a file that is no log")
    func foreign() throws {
        let scratch = try Scratch()
        #expect(throws: CoopError.self) { try EventReader(directory: scratch.path) }
        try FileSystem.replace(scratch.path + "/events.db", with: Array("this is not a database, whatever it says, at all".utf8))
        #expect(throws: CoopError.self) { try EventWriter.open(directory: scratch.path) }
        let other = try Scratch()
        try EventWriter.open(directory: other.path).close()
        let database = try Database(path: other.path + "/events.db", reading: false)
        try database.execute("PRAGMA user_version=9")
        #expect { try EventWriter.open(directory: other.path) } throws: { ($0 as? CoopError)?.message.contains("version 9") == true }
    }
}
