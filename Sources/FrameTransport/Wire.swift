/// A frame that does not have the shape this protocol defines. The other side is treated as hostile from then on.
public struct WireError: Error, Sendable, Equatable {
    /// What was wrong.
    public var reason: String
    public init(_ reason: String) { self.reason = reason }
}

/// Appends values in the wire form: integers little-endian, text and lists preceded by a 32-bit count.
public struct WireWriter {
    public private(set) var bytes: [UInt8] = []

    /// - Parameter capacity: bytes to make room for at once, so that growing leaves no copies of secrets behind.
    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    public mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes the count of the bytes after the first four into those four: the length of a message, written last.
    public mutating func finishMessage() -> [UInt8] {
        withUnsafeBytes(of: UInt32(bytes.count - 4).littleEndian) { bytes.replaceSubrange(0..<4, with: $0) }
        return bytes
    }

    public mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    public mutating func write(_ value: [UInt8]) {
        write(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends bytes without a count.
    public mutating func write(raw value: UnsafeRawBufferPointer) { bytes.append(contentsOf: value) }

    /// Text travels as UTF-8, escaped bytes included (see `String.osBytes`).
    public mutating func write(_ value: String) {
        var copy = value
        copy.withUTF8 { buffer in
            write(UInt32(buffer.count))
            bytes.append(contentsOf: buffer)
        }
    }

    public mutating func write<Element>(_ list: [Element], _ each: (inout WireWriter, Element) -> Void) {
        write(UInt32(list.count))
        for element in list { each(&self, element) }
    }
}

/// Reads what `WireWriter` wrote, from bytes that may be hostile: every count is checked against what is there.
public struct WireReader {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var isAtEnd: Bool { position == bytes.count }

    public mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(WireError) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count - position >= size else { throw WireError("truncated integer") }
        var value = Value.zero
        for offset in (0..<size).reversed() { value = (value << 8) | Value(truncatingIfNeeded: bytes[position + offset]) }
        position += size
        return value
    }

    public mutating func readBool() throws(WireError) -> Bool {
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw WireError("a truth value is neither 0 nor 1")
        }
    }

    public mutating func readBytes() throws(WireError) -> [UInt8] {
        let count = Int(try read(UInt32.self))
        guard count <= bytes.count - position else { throw WireError("truncated bytes") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Bytes, of which at most `limit` are accepted.
    public mutating func readBytes(limit: Int) throws(WireError) -> [UInt8] {
        let start = position
        guard Int(try read(UInt32.self)) <= limit else { throw WireError("more than \(limit) bytes in a field") }
        position = start
        return try readBytes()
    }

    /// Text, of which at most `limit` bytes are accepted.
    public mutating func readString(limit: Int) throws(WireError) -> String {
        guard let text = String(validating: try readBytes(limit: limit), as: UTF8.self) else { throw WireError("text is not UTF-8") }
        return text
    }

    public mutating func readString() throws(WireError) -> String {
        guard let text = String(validating: try readBytes(), as: UTF8.self) else { throw WireError("text is not UTF-8") }
        return text
    }

    public mutating func readList<Element>(
        limit: Int = .max, _ each: (inout WireReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let count = Int(try read(UInt32.self))
        // Each element takes at least one byte, so a count beyond the rest is a lie that must not reserve memory.
        guard count <= bytes.count - position else { throw WireError("list longer than its frame") }
        guard count <= limit else { throw WireError("more than \(limit) elements in a list") }
        var result: [Element] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try each(&self)) }
        return result
    }
}

/// A value with a wire form.
public protocol WireCodable: Sendable {
    func encode(to writer: inout WireWriter)
    init(from reader: inout WireReader) throws(WireError)
}
