import NIOCore

/// Gathers small writes: over TLS every write is a record of its own, and a response's head and end are small.
struct OutboundBuffer {
    private static let small = 8 << 10
    private var pending = ByteBuffer()

    /// Adds bytes; gives back what has to be written now, in order.
    mutating func add(_ bytes: ByteBuffer) -> (ByteBuffer?, ByteBuffer?) {
        if bytes.readableBytes <= Self.small {
            pending.writeImmutableBuffer(bytes)
            return (pending.readableBytes > Self.small ? take() : nil, nil)
        }
        return (take(), bytes)
    }

    /// Space to serialise into directly.
    mutating func withBuffer(_ body: (inout ByteBuffer) -> Void) { body(&pending) }

    mutating func take() -> ByteBuffer? {
        guard pending.readableBytes > 0 else { return nil }
        defer { pending = ByteBuffer() }
        return pending
    }
}
