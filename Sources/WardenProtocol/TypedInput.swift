/// What `coop send` types into a session's terminal.
public struct TypedInput: Sendable, Equatable, WireCodable {
    public enum Piece: Sendable, Equatable {
        /// A text as a person would paste it: between the marks of a bracketed paste where the program has asked for them and the text has more
        /// than one line.
        case text([UInt8])
        /// Bytes of a key, as they are.
        case keys([UInt8])
    }

    public var pieces: [Piece]
    /// Wait until the session does nothing.
    public var whenIdle: Bool

    public init(pieces: [Piece], whenIdle: Bool = false) {
        self.pieces = pieces
        self.whenIdle = whenIdle
    }

    public func encode(to writer: inout WireWriter) {
        writer.write(pieces) { writer, piece in
            switch piece {
            case .text(let bytes):
                writer.write(UInt8(0))
                writer.write(bytes)
            case .keys(let bytes):
                writer.write(UInt8(1))
                writer.write(bytes)
            }
        }
        writer.write(whenIdle)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        pieces = try reader.readList { (reader: inout WireReader) throws(WireError) in
            switch try reader.read(UInt8.self) {
            case 0: .text(try reader.readBytes())
            case 1: .keys(try reader.readBytes())
            default: throw WireError("unknown input")
            }
        }
        whenIdle = try reader.readBool()
    }
}
