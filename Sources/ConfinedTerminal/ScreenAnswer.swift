import FrameTransport

/// A worker's answer to one question.
public struct ScreenAnswer: WireCodable, Equatable {
    public enum Content: Sendable, Equatable {
        /// What a terminal is sent to show a screen.
        case drawing([UInt8])
        /// Text, one element a line.
        case lines([String])
        /// What the program is sent.
        case replies([UInt8])
        /// It would be longer than any answer may be.
        case tooLong
    }

    /// The number of the question.
    public var number: UInt32
    public var content: Content

    /// The longest answer, in bytes.
    static let limit = 32 << 20
    /// The most lines of a text: a screen of the largest size and what lies above it.
    static let mostLines = 11_000

    init(number: UInt32, content: Content) {
        self.number = number
        self.content = content
    }

    public func encode(to writer: inout WireWriter) {
        writer.write(number)
        switch content {
        case .drawing(let bytes):
            writer.write(UInt8(1))
            writer.write(bytes)
        case .lines(let lines):
            writer.write(UInt8(2))
            writer.write(lines) { $0.write($1) }
        case .replies(let bytes):
            writer.write(UInt8(3))
            writer.write(bytes)
        case .tooLong: writer.write(UInt8(4))
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        number = try reader.read()
        switch try reader.read(UInt8.self) {
        case 1: content = .drawing(try reader.readBytes())
        case 2:
            content = .lines(try reader.readList(limit: ScreenAnswer.mostLines) { reader throws(WireError) in try reader.readString() })
        case 3: content = .replies(try reader.readBytes())
        case 4: content = .tooLong
        case let type: throw WireError("no answer has type \(type)")
        }
    }

    /// Whether it is an answer to this question at all.
    func answers(_ question: ScreenQuestion) -> Bool {
        switch (question, content) {
        case (.snapshot, .drawing), (.crop, .drawing), (.text, .lines), (.replies, .replies), (_, .tooLong): true
        default: false
        }
    }
}
