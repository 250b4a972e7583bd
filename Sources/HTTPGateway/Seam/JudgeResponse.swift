import NIOCore

/// A whole response that the judge gives itself, in the place of the upstream.
public struct JudgeResponse: Sendable, Equatable {
    public var head: ResponseHead
    public var body: ByteBuffer

    public init(head: ResponseHead, body: ByteBuffer) {
        self.head = head
        self.body = body
    }
}
