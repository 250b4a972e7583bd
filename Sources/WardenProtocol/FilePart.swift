/// A piece of a file that is put together inside: bytes, or a stretch of a file of the host.
///
/// What a sandbox shows of a large file of the host with something added does not pass through the plan.
public enum FilePart: Codable, Sendable, Equatable {
    case bytes([UInt8])
    /// `count` bytes of the host's file `source`, from `offset` on. They must be there.
    case range(source: String, offset: UInt64, count: UInt64)

    /// How many bytes it is.
    public var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .range(_, _, let count): Int(clamping: count)
        }
    }
}

extension FilePart: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .bytes(let bytes):
            writer.write(UInt8(0))
            writer.write(bytes)
        case .range(let source, let offset, let count):
            writer.write(UInt8(1))
            writer.write(source)
            writer.write(offset)
            writer.write(count)
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .bytes(try reader.readBytes())
        case 1: self = .range(source: try reader.readString(), offset: try reader.read(), count: try reader.read())
        default: throw WireError("unknown part of a file")
        }
    }
}
