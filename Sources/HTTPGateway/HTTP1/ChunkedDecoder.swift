import NIOCore
import NIOHTTP1

/// The chunked transfer coding (RFC 9112 §7.1), read strictly; extensions are dropped.
struct ChunkedDecoder {
    private enum State {
        case size
        case data(UInt64)
        case dataEnd
        case trailers
    }

    enum Output {
        case bytes(ByteBuffer)
        case end(HTTPHeaders?)
    }

    private var state = State.size
    private var limits: MessageLimits
    private var trailerFinder = HeadFinder()

    init(limits: MessageLimits) { self.limits = limits }

    /// The next piece, or nil when more bytes are needed. Bytes after the end of the body stay in `buffer`.
    mutating func decode(_ buffer: inout ByteBuffer) throws -> Output? {
        while true {
            switch state {
            case .size:
                guard let size = try sizeLine(&buffer) else { return nil }
                state = size == 0 ? .trailers : .data(size)
            case .data(let left):
                let count = Int(min(UInt64(buffer.readableBytes), left))
                guard count > 0, let piece = buffer.readSlice(length: count) else { return nil }
                state = left == UInt64(count) ? .dataEnd : .data(left - UInt64(count))
                return .bytes(piece)
            case .dataEnd:
                guard let end = buffer.readInteger(as: UInt16.self) else { return nil }
                guard end == 0x0D0A else { throw MessageError.smuggling("a chunk that does not end where its size says") }
                state = .size
            case .trailers:
                guard let length = try trailerLength(buffer) else { return nil }
                guard let slice = buffer.readSlice(length: length) else { return nil }
                return .end(try trailers(slice))
            }
        }
    }

    private mutating func sizeLine(_ buffer: inout ByteBuffer) throws -> UInt64? {
        let limit = limits.chunkLine
        let line = try buffer.withUnsafeReadableBytes { bytes -> (size: UInt64, length: Int)? in
            var size: UInt64 = 0
            var position = 0
            while position < bytes.count, let digit = Self.digit(bytes[position]) {
                if position == 15 { throw MessageError.smuggling("a chunk size that is too long") }
                size = size << 4 | UInt64(digit)
                position += 1
            }
            if position == bytes.count { return nil }
            guard position > 0 else { throw MessageError.smuggling("a chunk without a size") }
            guard bytes[position] == 0x0D || bytes[position] == 0x3B else { throw MessageError.smuggling("a malformed chunk size") }
            while position < bytes.count, bytes[position] != 0x0D {
                if (bytes[position] < 0x20 && bytes[position] != 0x09) || bytes[position] == 0x7F {
                    throw MessageError.smuggling("a control character in a chunk extension")
                }
                position += 1
                if position > limit { throw MessageError.oversized("a chunk size line of more than \(limit) bytes") }
            }
            guard position + 1 < bytes.count else { return nil }
            guard bytes[position + 1] == 0x0A else { throw MessageError.smuggling("a CR without LF after a chunk size") }
            return (size, position + 2)
        }
        guard let line else { return nil }
        buffer.moveReaderIndex(forwardBy: line.length)
        return line.size
    }

    /// The length of the trailers with their empty line.
    private mutating func trailerLength(_ buffer: ByteBuffer) throws -> Int? {
        try trailerFinder.find(in: buffer, limit: limits.trailers)
    }

    private func trailers(_ slice: ByteBuffer) throws -> HTTPHeaders? {
        if slice.readableBytes == 2 { return nil }
        let limits = self.limits
        let fields = try slice.withUnsafeReadableBytes { bytes in
            try FieldParser(limits: limits).fields(UnsafeRawBufferPointer(rebasing: bytes[0..<(bytes.count - 2)]), from: 0)
        }
        if fields.contains(where: { HopByHop.isForbiddenInTrailers($0.name) }) {
            throw MessageError.smuggling("a trailer that belongs in the head")
        }
        return fields
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
