/// Reads what a client sends, in pieces of any size, and refuses whatever RFC 6455 forbids.
struct WebSocketReader {
    enum Item: Equatable {
        case message(WebSocketMessage)
        case ping([UInt8])
        case pong([UInt8])
        /// Code 1005 stands for none.
        case close(code: UInt16, reason: String)
    }

    /// The longest message, all its fragments together.
    private let limit: Int
    private var pending: [UInt8] = []
    /// The kind of the message whose fragments are coming.
    private var fragmented: WebSocketFrame.Opcode?
    private var message: [UInt8] = []
    private var text = UTF8Check()
    private var isClosed = false

    init(limit: Int) { self.limit = limit }

    /// - Parameter items: gets what was whole, also when something after it is refused.
    mutating func read(_ bytes: some Collection<UInt8>, into items: inout [Item]) throws(WebSocketFailure) {
        pending += bytes
        var place = 0
        // Nothing counts after a close frame.
        while !isClosed, let (item, count) = try frame(at: place) {
            place += count
            if let item { items.append(item) }
        }
        pending.removeFirst(isClosed ? pending.count : place)
    }

    /// The frame that begins at a place and its length; nil while it is not there as a whole.
    private mutating func frame(at start: Int) throws(WebSocketFailure) -> (Item?, Int)? {
        let available = pending.count - start
        guard available >= 2 else { return nil }
        let (first, second) = (pending[start], pending[start + 1])
        guard first & 0x70 == 0 else { throw .protocolError("a reserved bit is set") }
        guard let opcode = WebSocketFrame.Opcode(rawValue: first & 0x0F) else { throw .protocolError("an unknown kind of frame") }
        let isFinal = first & 0x80 != 0
        guard second & 0x80 != 0 else { throw .protocolError("a frame is not masked") }
        var length = Int(second & 0x7F)
        var header = 2
        if opcode.rawValue >= 8 {
            guard isFinal else { throw .protocolError("a control frame is fragmented") }
            guard length <= 125 else { throw .protocolError("a control frame is too long") }
        }
        if length == 126 {
            guard available >= 4 else { return nil }
            length = Int(pending[start + 2]) << 8 | Int(pending[start + 3])
            guard length >= 126 else { throw .protocolError("a length is not written in the shortest form") }
            header = 4
        } else if length == 127 {
            guard available >= 10 else { return nil }
            guard pending[start + 2] < 0x80 else { throw .protocolError("a length is negative") }
            length = pending[(start + 2)..<(start + 10)].reduce(0) { $0 << 8 | Int($1) }
            guard length >= 65_536 else { throw .protocolError("a length is not written in the shortest form") }
            header = 10
        }
        switch opcode {
        case .continuation: guard fragmented != nil else { throw .protocolError("a continuation of nothing") }
        case .text, .binary: guard fragmented == nil else { throw .protocolError("a message within a message") }
        default: break
        }
        // Before it is there: a client must not make the server hold more.
        guard opcode.rawValue >= 8 || length <= limit - message.count else { throw .tooLarge }
        header += 4
        guard available >= header + length else { return nil }
        let mask = Array(pending[(start + header - 4)..<(start + header)])
        var payload = Array(pending[(start + header)..<(start + header + length)])
        for index in payload.indices { payload[index] ^= mask[index & 3] }
        return (try take(opcode, isFinal, payload), header + length)
    }

    private mutating func take(_ opcode: WebSocketFrame.Opcode, _ isFinal: Bool, _ payload: [UInt8]) throws(WebSocketFailure) -> Item? {
        switch opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        case .close:
            isClosed = true
            return try close(payload)
        case .text, .binary, .continuation:
            let kind = fragmented ?? opcode
            fragmented = isFinal ? nil : kind
            if kind == .text, !text.take(payload) || isFinal && !text.isComplete { throw .notUTF8 }
            message += payload
            guard isFinal else { return nil }
            defer { message = [] }
            return .message(kind == .text ? .text(message) : .binary(message))
        }
    }

    private func close(_ payload: [UInt8]) throws(WebSocketFailure) -> Item {
        if payload.isEmpty { return .close(code: 1005, reason: "") }
        guard payload.count >= 2 else { throw .protocolError("a close code of one byte") }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        guard (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code) else {
            throw .protocolError("no such close code")
        }
        guard let reason = String(validating: payload[2...], as: UTF8.self) else { throw .notUTF8 }
        return .close(code: code, reason: reason)
    }
}
