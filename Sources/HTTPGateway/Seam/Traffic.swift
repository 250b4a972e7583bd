/// What one connection from inside carried, in bytes on its wire (TLS included).
public struct Traffic: Sendable, Equatable {
    /// From the sandbox.
    public var received: UInt64 = 0
    /// To the sandbox.
    public var sent: UInt64 = 0

    public init(received: UInt64 = 0, sent: UInt64 = 0) {
        self.received = received
        self.sent = sent
    }
}
