/// One client's connection as a value: bytes in, messages and bytes out. It makes no system call.
public struct WebSocketConnection: Sendable {
    enum State: Sendable { case opening, open, closing, closed }

    private let admission: WebSocketAdmission
    private var reader: WebSocketReader
    private var head: [UInt8] = []
    private(set) var state = State.opening
    /// What is to be sent.
    private(set) var output: [UInt8] = []
    public private(set) var request: WebSocketRequest?
    /// A ping that was not answered yet.
    private(set) var awaitsPong = false

    /// - Parameter limit: the longest message that a client may send, in bytes.
    public init(admission: WebSocketAdmission, limit: Int = 1 << 20) {
        self.admission = admission
        reader = WebSocketReader(limit: limit)
    }

    public var isOpen: Bool { state == .open }
    /// Everything is said: when `output` is sent the connection ends.
    public var isFinished: Bool { state == .closed }

    /// Takes what the client has sent.
    public mutating func receive(_ bytes: [UInt8]) -> [WebSocketMessage] {
        switch state {
        case .closed: return []
        case .opening: return opened(by: bytes)
        case .open, .closing: return read(bytes)
        }
    }

    /// Sends a message; nothing happens once the connection is closing.
    public mutating func send(text: some Collection<UInt8>) {
        if state == .open { WebSocketFrame.append(.text, text, to: &output) }
    }

    /// Asks whether the client is still there.
    public mutating func ping() {
        guard state == .open else { return }
        awaitsPong = true
        WebSocketFrame.append(.ping, [], to: &output)
    }

    /// Begins the end; the client's answer completes it.
    public mutating func close(_ code: UInt16 = 1000, _ reason: String = "") {
        guard state == .open else {
            state = .closed
            return
        }
        WebSocketFrame.append(close: code, reason, to: &output)
        state = .closing
    }

    /// So many bytes have been sent.
    public mutating func sent(_ count: Int) { output.removeFirst(count) }

    private mutating func opened(by bytes: [UInt8]) -> [WebSocketMessage] {
        head += bytes
        guard let end = WebSocketConnection.end(of: head) else {
            if head.count > WebSocketRequest.limit { refuse(WebSocketRequest.Refusal(status: "431 Request Header Fields Too Large")) }
            return []
        }
        let rest = Array(head[end...])
        do throws(WebSocketRequest.Refusal) {
            guard end <= WebSocketRequest.limit else { throw WebSocketRequest.Refusal(status: "431 Request Header Fields Too Large") }
            let request = try WebSocketRequest(parsing: Array(head[..<end]))
            try admission.check(request)
            output += request.acceptance
            self.request = request
            state = .open
            head = []
        } catch {
            refuse(error)
            return []
        }
        return read(rest)
    }

    private mutating func refuse(_ refusal: WebSocketRequest.Refusal) {
        output += refusal.response
        state = .closed
    }

    private static func end(of head: [UInt8]) -> Int? {
        let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard head.count >= 4 else { return nil }
        return (0...(head.count - 4)).first { head[$0..<($0 + 4)].elementsEqual(mark) }.map { $0 + 4 }
    }

    private mutating func read(_ bytes: [UInt8]) -> [WebSocketMessage] {
        var items: [WebSocketReader.Item] = []
        var failure: WebSocketFailure?
        do throws(WebSocketFailure) { try reader.read(bytes, into: &items) } catch { failure = error }
        var messages: [WebSocketMessage] = []
        for item in items {
            switch item {
            case .message(let message): if state == .open { messages.append(message) }
            case .ping(let payload): if state == .open { WebSocketFrame.append(.pong, payload, to: &output) }
            case .pong: awaitsPong = false
            case .close(let code, _):
                if state == .open {
                    if code == 1005 {
                        WebSocketFrame.append(.close, [], to: &output)
                    } else {
                        WebSocketFrame.append(close: code, "", to: &output)
                    }
                }
                state = .closed
            }
        }
        if let failure, state != .closed {
            if state == .open { WebSocketFrame.append(close: failure.code, failure.reason, to: &output) }
            state = .closed
        }
        return messages
    }
}
