import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import AgentEvents
@testable import EventLog

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
private let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

/// What an agent says becomes events by rules that are data, and whatever else comes is kept.
@Suite struct AgentEventsTests {
    private static let directory = FileSystem.normalize(#filePath + "/../Transcripts")

    private func text(_ emission: AgentStream.Emission) -> String {
        emission.type.rawValue + " " + String(decoding: emission.fields.object(), as: UTF8.self)
    }

    private func stream(_ format: String) throws -> AgentStream { AgentStream(agent: "test", format: try StreamFormat.named(format)) }

    @Test(
        "transcripts of each format give the written events, however they are cut",
        arguments: ["claude", "codex", "gemini", "opencode", "acp"])
    func transcripts(_ format: String) throws {
        let bytes = try FileSystem.read(AgentEventsTests.directory + "/\(format).jsonl")
        let expected = String(decoding: try FileSystem.read(AgentEventsTests.directory + "/\(format).events"), as: UTF8.self)
        for piece in [bytes.count, 1, 7, 100] {
            var stream = try stream(format)
            var events: [AgentStream.Emission] = []
            for start in stride(from: 0, to: bytes.count, by: piece) {
                events += stream.feed(bytes[start..<min(start + piece, bytes.count)])
            }
            events += stream.finish()
            #expect(events.map(text).joined(separator: "\n") + "\n" == expected, "pieces of \(piece)")
        }
    }

    @Test("a stream that nobody describes is kept line by line")
    func unknown() throws {
        #expect(try StreamFormat.named("no-such-format") == nil)
        var stream = AgentStream(agent: "other", format: nil)
        let events = stream.feed("one\r\n\n  \n{\"type\":\"x\"}\nlast".utf8) + stream.finish()
        #expect(
            events.map(text) == [
                #"raw {"line":"one","agent":"other"}"#, #"raw {"line":"{\"type\":\"x\"}","agent":"other"}"#,
                #"raw {"line":"last","agent":"other"}"#,
            ])
    }

    @Test("hostile lines are kept, not obeyed: too deep, too long, cut off, not UTF-8, numbers that are none")
    func hostile() throws {
        var stream = try stream("claude")
        let deep = String(repeating: #"{"type":"#, count: 100_000)
        let lists = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        for line in [
            deep, lists, #"{"type":"result""#, #"{"type":"result"}}"#, #"{"type":01}"#, #"{"type":"a\x"}"#, "{\"type\":\"a\u{1}\"}",
            #"{"type":"\u12"}"#,
        ] {
            let events = stream.feed((line + "\n").utf8)
            #expect(events.count == 1 && events[0].type == .raw, "\(line.prefix(40))")
        }
        let broken = stream.feed(
            Array(#"{"type":"assistant","message":{"content":[{"type":"text","text":""#.utf8) + [0xFF, 0xFE] + Array("\"}]}}\n".utf8))
        #expect(broken.map(\.type) == [.raw] && text(broken[0]).contains("\u{FFFD}\u{FFFD}"))
        let lone = stream.feed(
            Array((#"{"type":"assistant","message":{"content":[{"type":"text","text":"\ud83e x \udd86"}]}}"# + "\n").utf8))
        #expect(lone.map(text) == ["message {\"role\":\"assistant\",\"text\":\"\u{FFFD} x \u{FFFD}\"}"])
        let twice = stream.feed(Array((#"{"type":"x","type":"result","result":"y","is_error":true,"is_error":false}"# + "\n").utf8))
        #expect(twice.map(\.type) == [.state], "the last of two members counts")
    }

    @Test("a line without an end is kept in pieces, all of it")
    func endless() throws {
        var stream = try stream("codex")
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        var kept = 0
        var events: [AgentStream.Emission] = []
        for _ in 0..<20 { events += stream.feed(piece) }
        events += stream.feed("\n{\"type\":\"turn.started\"}\n{\"type\":\"error\",\"message\":\"m\"}\n".utf8)
        for event in events where event.type == .raw { kept += event.fields.contents.reduce(0) { $0 + $1.bytes.count } }
        #expect(kept == 20 << 20)
        #expect(events.last.map(text) == #"error {"text":"m"}"#)
    }

    @Test("changed transcripts never stop it, and every event is one line of JSON")
    func fuzzed() throws {
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for format in ["claude", "codex", "gemini", "opencode", "acp"] {
            let original = try FileSystem.read(AgentEventsTests.directory + "/\(format).jsonl")
            for _ in 0..<(iterations / 50) {
                var bytes = original
                for _ in 0..<(1 + random(20)) {
                    let place = random(bytes.count)
                    switch random(4) {
                    case 0: bytes[place] = UInt8(random(256))
                    case 1: bytes.remove(at: place)
                    case 2: bytes.insert(contentsOf: bytes[random(bytes.count)...].prefix(random(50)), at: place)
                    default: bytes.swapAt(place, random(bytes.count))
                    }
                }
                var stream = try stream(format)
                for event in stream.feed(bytes) + stream.finish() {
                    let object = event.fields.object()
                    #expect(JSONLine(object) != nil && !object.contains(0x0A), "\(String(decoding: object, as: UTF8.self))")
                }
            }
        }
    }

    @Test("rules that are wrong are refused with their place")
    func wrongRules() {
        for (text, why) in [
            ("[[rules]]\nevent = \"message\"\n", "when"), ("[[rules]]\nwhen = { type = 1 }\n", "must be a text"),
            ("[[rules]]\nwhen = { type = \"a\" }\nwhat = 1\n", "what"),
            ("rules = 1\n", "rules"), ("other = 1\n", "other"), ("[[rules]]\nwhen = { type = \"a\" }\nfields = { a = 1 }\n", "no path"),
            ("[[", "f.toml"),
        ] {
            #expect { try StreamFormat(name: "f", Array(text.utf8), document: "f.toml") } throws: { error in
                guard let error = error as? CoopError else { return false }
                return error.code == .configuration && error.message.contains(why) && error.message.contains("f.toml")
            }
        }
    }
}
