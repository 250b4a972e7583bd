import NIOCore

/// The head of a WebSocket frame (RFC 6455 §5.2), and how frames without a mask are written.
struct WebSocketFrame: Equatable {
    enum Opcode: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// What ends a connection before its time (RFC 6455 §7.4.1).
    enum CloseCode: UInt16 {
        case protocolError = 1002
        case policyViolation = 1008
    }

    /// The most that a frame of control may carry.
    static let controlPayload = 125

    var isFinal: Bool
    var opcode: Opcode
    /// In the order of the bytes; nil from a server.
    var mask: [UInt8]?
    var length: UInt64

    /// Whether it belongs to the connection rather than to a message; it may stand between the fragments of one.
    var isControl: Bool { opcode.rawValue >= 8 }

    /// Appends a frame as a server sends it.
    static func write(_ opcode: Opcode, isFinal: Bool, _ payload: ByteBuffer, into buffer: inout ByteBuffer) {
        buffer.writeInteger((isFinal ? 0x80 : 0) | opcode.rawValue)
        switch payload.readableBytes {
        case ...125: buffer.writeInteger(UInt8(payload.readableBytes))
        case ...0xFFFF:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(payload.readableBytes))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(payload.readableBytes))
        }
        buffer.writeImmutableBuffer(payload)
    }

    /// A server's frame that closes the connection.
    static func closing(_ code: CloseCode, _ reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code.rawValue)
        // ASCII throughout, so that any cut is good.
        payload.writeBytes(reason.utf8.prefix(controlPayload - 2).map { (0x20...0x7E).contains($0) ? $0 : 0x3F })
        var buffer = ByteBuffer()
        write(.close, isFinal: true, payload, into: &buffer)
        return buffer
    }
}
