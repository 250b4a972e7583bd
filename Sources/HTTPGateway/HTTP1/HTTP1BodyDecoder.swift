import NIOCore
import NIOHTTP1

/// Takes one body out of a connection's bytes.
struct HTTP1BodyDecoder {
    enum Output {
        case bytes(ByteBuffer)
        case end(HTTPHeaders?)
    }

    private enum State {
        case length(UInt64)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    private var state: State

    init(_ framing: BodyFraming, limits: MessageLimits) {
        switch framing {
        case .none: state = .length(0)
        case .length(let length): state = .length(length)
        case .stream: state = .chunked(ChunkedDecoder(limits: limits))
        case .untilClose: state = .untilClose
        }
    }

    /// Whether the end of the connection is the end of the body.
    var endsAtClose: Bool { if case .untilClose = state { true } else { false } }

    /// The next piece, or nil when more bytes are needed. A body without bytes ends at once.
    mutating func decode(_ buffer: inout ByteBuffer) throws -> Output? {
        switch state {
        case .length(0):
            return .end(nil)
        case .length(let left):
            let count = Int(min(UInt64(buffer.readableBytes), left))
            guard count > 0, let piece = buffer.readSlice(length: count) else { return nil }
            state = .length(left - UInt64(count))
            return .bytes(piece)
        case .chunked(var decoder):
            defer { state = .chunked(decoder) }
            switch try decoder.decode(&buffer) {
            case .bytes(let piece): return .bytes(piece)
            case .end(let trailers): return .end(trailers)
            case nil: return nil
            }
        case .untilClose:
            guard buffer.readableBytes > 0 else { return nil }
            let piece = buffer
            buffer.clear()
            return .bytes(piece)
        }
    }
}
