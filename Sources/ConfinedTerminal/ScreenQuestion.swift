import FrameTransport

/// What can be asked about a screen.
public enum ScreenQuestion: WireCodable, Equatable {
    /// What brings another terminal of the same size to show the same; with the lines above the screen, if they are wanted.
    case snapshot(scrollback: Bool)
    /// The part around the cursor, drawn for a window of another size.
    case crop(rows: UInt16, columns: UInt16)
    /// The rows as text, without what is blank at their ends; with the lines above the screen, if they are wanted.
    case text(scrollback: Bool)
    /// What the terminal answers to the program's own questions since it was last asked.
    case replies

    public func encode(to writer: inout WireWriter) {
        switch self {
        case .snapshot(let scrollback):
            writer.write(UInt8(1))
            writer.write(scrollback)
        case .crop(let rows, let columns):
            writer.write(UInt8(2))
            writer.write(rows)
            writer.write(columns)
        case .text(let scrollback):
            writer.write(UInt8(3))
            writer.write(scrollback)
        case .replies: writer.write(UInt8(4))
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 1: self = .snapshot(scrollback: try reader.readBool())
        case 2: self = .crop(rows: try reader.read(), columns: try reader.read())
        case 3: self = .text(scrollback: try reader.readBool())
        case 4: self = .replies
        case let type: throw WireError("no question has type \(type)")
        }
    }
}
