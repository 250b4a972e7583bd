/// A frame to a client (RFC 6455, 5.2). A server does not mask.
enum WebSocketFrame {
    enum Opcode: UInt8 { case continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 }

    static func append(_ opcode: Opcode, _ payload: some Collection<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(0x80 | opcode.rawValue)
        let count = payload.count
        switch count {
        case ..<126: bytes.append(UInt8(count))
        case ..<65_536: bytes += [126, UInt8(count >> 8), UInt8(count & 0xFF)]
        default:
            bytes.append(127)
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
        bytes += payload
    }

    /// A close frame; a reason that is too long is cut at a character.
    static func append(close code: UInt16, _ reason: String, to bytes: inout [UInt8]) {
        var text = reason[...]
        while text.utf8.count > 123 { text.removeLast() }
        append(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(text.utf8), to: &bytes)
    }
}
