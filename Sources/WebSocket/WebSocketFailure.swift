/// Why a connection is ended, as its close frame says (RFC 6455, 7.4.1).
public struct WebSocketFailure: Error, Sendable, Equatable {
    public var code: UInt16
    public var reason: String

    init(_ code: UInt16, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    static func protocolError(_ reason: String) -> WebSocketFailure { WebSocketFailure(1002, reason) }
    static let notUTF8 = WebSocketFailure(1007, "the text is not UTF-8")
    static let tooLarge = WebSocketFailure(1009, "the message is too large")
}
