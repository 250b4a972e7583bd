import FrameTransport

/// Takes a stream apart into frames: a 32-bit length of what follows, little-endian, and a value.
struct FrameBuffer {
    /// The longest frame that is accepted.
    private let limit: Int
    private var bytes: [UInt8] = []
    private var start = 0

    init(limit: Int) { self.limit = limit }

    mutating func append(_ piece: some Collection<UInt8>) {
        if start > 0, start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        }
        bytes.append(contentsOf: piece)
    }

    /// The next value, once all of it is there.
    mutating func next<Value: WireCodable>(_ type: Value.Type) throws(WireError) -> Value? {
        guard bytes.count - start >= 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
        guard length <= limit else { throw WireError("a frame of \(length) bytes") }
        guard bytes.count - start - 4 >= length else { return nil }
        var reader = WireReader(Array(bytes[(start + 4)..<(start + 4 + length)]))
        start += 4 + length
        if start > 1 << 16 {
            bytes.removeFirst(start)
            start = 0
        }
        let value = try Value(from: &reader)
        guard reader.isAtEnd else { throw WireError("bytes after the end of a frame") }
        return value
    }

    /// A value as a frame.
    static func frame(_ value: some WireCodable) -> [UInt8] {
        var writer = WireWriter()
        writer.write(UInt32(0))
        value.encode(to: &writer)
        return writer.finishMessage()
    }
}
