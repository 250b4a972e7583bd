/// Reads the fields of a message of the ssh-agent protocol: bytes, 32-bit numbers and strings (RFC 4251, section 5).
struct AgentReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() throws(AgentError) -> UInt8 {
        guard position < bytes.count else { throw AgentError.short }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number() throws(AgentError) -> UInt32 {
        var result: UInt32 = 0
        for _ in 0..<4 { result = result << 8 | UInt32(try byte()) }
        return result
    }

    mutating func string() throws(AgentError) -> [UInt8] {
        let count = Int(try number())
        guard count <= bytes.count - position else { throw AgentError.short }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Nothing may follow the last field.
    func end() throws(AgentError) { if !isAtEnd { throw AgentError.trailing } }
}

/// Why a message is not one.
public enum AgentError: Error, Equatable {
    case short, trailing, tooLong, empty, unexpected
}

/// Writes them.
struct AgentWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: UInt32) {
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func string(_ value: [UInt8]) {
        number(UInt32(value.count))
        bytes += value
    }
}
