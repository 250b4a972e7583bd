import FrameTransport
import Testing

@testable import ConfinedTerminal

/// Both sides of the protocol read what the other writes, and nothing else.
@Suite struct ProtocolTests {
    static let requests: [ScreenRequest] = [
        .open(rows: 24, columns: 80, scrollback: 2000), .feed([]), .feed(Array(0...255)), .resize(rows: 0, columns: .max),
        .ask(number: 1, .snapshot(scrollback: true)), .ask(number: 2, .snapshot(scrollback: false)),
        .ask(number: .max, .crop(rows: 1, columns: 2)), .ask(number: 0, .text(scrollback: true)), .ask(number: 7, .replies),
    ]
    static let answers = [
        ScreenAnswer(number: 1, content: .drawing([0x1B, 0x5B, 0x48])), ScreenAnswer(number: .max, content: .lines(["one", "", "漢🦆"])),
        ScreenAnswer(number: 0, content: .lines([])), ScreenAnswer(number: 3, content: .replies([0])),
        ScreenAnswer(number: 4, content: .tooLong),
    ]

    private func read<Value: WireCodable>(_ type: Value.Type, from bytes: [UInt8], pieces: Int, limit: Int = 4096) throws -> [Value] {
        var buffer = FrameBuffer(limit: limit)
        var result: [Value] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            buffer.append(bytes[start..<min(start + pieces, bytes.count)])
            while let value = try buffer.next(Value.self) { result.append(value) }
        }
        return result
    }

    @Test("values come out as they went in, however the stream is cut", arguments: [1, 2, 5, 100_000])
    func roundTrip(_ pieces: Int) throws {
        #expect(
            try read(ScreenRequest.self, from: ProtocolTests.requests.flatMap { FrameBuffer.frame($0) }, pieces: pieces)
                == ProtocolTests.requests)
        #expect(
            try read(ScreenAnswer.self, from: ProtocolTests.answers.flatMap { FrameBuffer.frame($0) }, pieces: pieces)
                == ProtocolTests.answers)
    }

    @Test("long streams of frames are taken apart")
    func long() throws {
        let frame = FrameBuffer.frame(ScreenRequest.feed([UInt8](repeating: 7, count: 3000)))
        let all = Array(repeatElement(frame, count: 200).joined())
        #expect(try read(ScreenRequest.self, from: all, pieces: 10_000).count == 200)
    }

    @Test("what has another shape is refused: too long, cut off, unknown, followed by more")
    func refused() {
        let hostile: [[UInt8]] = [
            [1, 0, 0, 0, 9], [0, 0, 0, 0], [255, 255, 255, 255], [1, 16, 0, 0], [5, 0, 0, 0, 2, 255, 255, 255, 255], [2, 0, 0, 0, 1, 1],
            [6, 0, 0, 0, 4, 1, 0, 0, 0, 9], [7, 0, 0, 0, 4, 1, 0, 0, 0, 1, 2], FrameBuffer.frame(ProtocolTests.answers[1]),
            FrameBuffer.frame(ScreenRequest.feed([1])).enumerated().map { $0.offset == 0 ? $0.element + 1 : $0.element } + [0],
        ]
        for bytes in hostile { #expect(throws: WireError.self, "\(bytes)") { try read(ScreenRequest.self, from: bytes, pieces: 4096) } }
        #expect(throws: WireError.self) {
            try read(ScreenRequest.self, from: FrameBuffer.frame(ScreenRequest.feed([UInt8](repeating: 0, count: 5000))), pieces: 100)
        }
        // A count that promises more than there is reserves nothing.
        #expect(throws: WireError.self) {
            try read(ScreenAnswer.self, from: [9, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 127], pieces: 4096)
        }
    }

    @Test("of random frames only those are read that a writer would have written")
    func fuzzed() {
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<(iterations * 20) {
            let body = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...(Bool.random() ? 4 : 255), using: &random)
            }
            let bytes = [UInt8(body.count), 0, 0, 0] + body
            if let requests = try? read(ScreenRequest.self, from: bytes, pieces: 7) {
                accepted += 1
                #expect(requests.flatMap { FrameBuffer.frame($0) } == bytes)
            }
            if let answers = try? read(ScreenAnswer.self, from: bytes, pieces: 7) {
                accepted += 1
                #expect(answers.flatMap { FrameBuffer.frame($0) } == bytes)
            }
        }
        #expect(accepted > 0)
    }

    @Test("an answer fits its question or is none")
    func fits() {
        for answer in ProtocolTests.answers where answer.content != .tooLong {
            let fitting = [ScreenQuestion.snapshot(scrollback: true), .text(scrollback: false), .replies].filter { answer.answers($0) }
            #expect(fitting.count == 1, "\(answer)")
        }
    }
}
