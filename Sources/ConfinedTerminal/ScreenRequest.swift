import FrameTransport

/// What a worker is told and asked. It answers questions in their order, under their numbers.
enum ScreenRequest: WireCodable, Equatable {
    /// Begins anew with an empty screen.
    case open(rows: UInt16, columns: UInt16, scrollback: UInt32)
    /// Bytes that the terminal has received.
    case feed([UInt8])
    case resize(rows: UInt16, columns: UInt16)
    case ask(number: UInt32, ScreenQuestion)

    /// The longest request, in bytes.
    static let limit = (64 << 10) + 16
    /// The most bytes of one `feed`.
    static let longestFeed = 64 << 10
    /// The most lines above the screen that a worker keeps.
    static let mostScrollback: UInt32 = 10_000

    func encode(to writer: inout WireWriter) {
        switch self {
        case .open(let rows, let columns, let scrollback):
            writer.write(UInt8(1))
            writer.write(rows)
            writer.write(columns)
            writer.write(scrollback)
        case .feed(let bytes):
            writer.write(UInt8(2))
            writer.write(bytes)
        case .resize(let rows, let columns):
            writer.write(UInt8(3))
            writer.write(rows)
            writer.write(columns)
        case .ask(let number, let question):
            writer.write(UInt8(4))
            writer.write(number)
            question.encode(to: &writer)
        }
    }

    init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 1: self = .open(rows: try reader.read(), columns: try reader.read(), scrollback: try reader.read())
        case 2: self = .feed(try reader.readBytes(limit: ScreenRequest.longestFeed))
        case 3: self = .resize(rows: try reader.read(), columns: try reader.read())
        case 4: self = .ask(number: try reader.read(), try ScreenQuestion(from: &reader))
        case let type: throw WireError("no request has type \(type)")
        }
    }
}
