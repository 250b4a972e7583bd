import NIOCore

/// Takes the frames of one direction of a WebSocket out of its bytes, strictly (RFC 6455 §5). No extension is in use: they are taken out
/// of the handshake.
struct WebSocketFrameReader {
    enum Event: Equatable {
        /// A head, and its bytes as they came.
        case begin(WebSocketFrame, ByteBuffer)
        /// The next bytes of the payload, still masked, and how many of the payload came before them.
        case payload(ByteBuffer, offset: UInt64)
        /// The payload is complete.
        case end
    }

    private enum State { case head, payload(WebSocketFrame, done: UInt64) }

    private let isMasked: Bool
    private var state = State.head
    private var isInMessage = false

    /// - Parameter isMasked: whether the frames are a client's, which are masked, or a server's, which are not.
    init(isMasked: Bool) { self.isMasked = isMasked }

    /// The next piece, or nil when more bytes are needed.
    mutating func next(_ buffer: inout ByteBuffer) throws -> Event? {
        switch state {
        case .head:
            var rest = buffer
            guard let frame = try head(&rest), let bytes = buffer.readSlice(length: buffer.readableBytes - rest.readableBytes) else {
                return nil
            }
            if !frame.isControl { isInMessage = !frame.isFinal }
            state = .payload(frame, done: 0)
            return .begin(frame, bytes)
        case .payload(let frame, let done):
            if done == frame.length {
                state = .head
                return .end
            }
            let count = Int(min(UInt64(buffer.readableBytes), frame.length - done))
            guard count > 0, let piece = buffer.readSlice(length: count) else { return nil }
            state = .payload(frame, done: done + UInt64(count))
            return .payload(piece, offset: done)
        }
    }

    private func head(_ buffer: inout ByteBuffer) throws -> WebSocketFrame? {
        guard let first = buffer.readInteger(as: UInt8.self), let second = buffer.readInteger(as: UInt8.self) else { return nil }
        guard first & 0x70 == 0 else { throw MessageError.malformed("a WebSocket frame of an extension that is not in use") }
        guard let opcode = WebSocketFrame.Opcode(rawValue: first & 15) else {
            throw MessageError.malformed("a WebSocket frame of unknown kind")
        }
        guard (second & 0x80 != 0) == isMasked else {
            throw MessageError.malformed("a WebSocket frame that \(isMasked ? "lacks" : "has") a mask")
        }
        var frame = WebSocketFrame(isFinal: first & 0x80 != 0, opcode: opcode, mask: nil, length: UInt64(second & 0x7F))
        if frame.isControl {
            guard frame.isFinal, frame.length <= WebSocketFrame.controlPayload else {
                throw MessageError.malformed("a WebSocket frame of control that is too large or in parts")
            }
        } else {
            guard (opcode == .continuation) == isInMessage else {
                throw MessageError.malformed("a WebSocket message in the middle of another")
            }
        }
        if frame.length == 126 {
            guard let length = buffer.readInteger(as: UInt16.self) else { return nil }
            frame.length = UInt64(length)
        } else if frame.length == 127 {
            guard let length = buffer.readInteger(as: UInt64.self) else { return nil }
            guard length >> 63 == 0 else { throw MessageError.malformed("a WebSocket frame that is too long") }
            frame.length = length
        }
        if isMasked {
            guard let mask = buffer.readBytes(length: 4) else { return nil }
            frame.mask = mask
        }
        return frame
    }
}
