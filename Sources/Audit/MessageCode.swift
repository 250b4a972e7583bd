/// The 32 bytes of an HMAC-SHA256 (RFC 2104), written as 64 lower-case hexadecimal digits.
struct MessageCode: Sendable, Equatable {
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// What precedes the first entry.
    static let zero = MessageCode(words: (0, 0, 0, 0))

    static let digits = 64

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// - Parameter bytes: 32 of them.
    init(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 32)
        func word(_ index: Int) -> UInt64 { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
        words = (word(0), word(1), word(2), word(3))
    }

    /// Reads exactly 64 lower-case hexadecimal digits.
    init?(hex: UnsafeRawBufferPointer) {
        guard hex.count == MessageCode.digits else { return nil }
        var failed: UInt8 = 0
        func word(_ index: Int) -> UInt64 {
            var result: UInt64 = 0
            for place in index * 16..<index * 16 + 16 {
                let value = MessageCode.values[Int(hex[place])]
                failed |= value
                result = result << 4 | UInt64(value & 15)
            }
            return result
        }
        words = (word(0), word(1), word(2), word(3))
        guard failed < 16 else { return nil }
    }

    /// Appends the 64 digits.
    func append(to bytes: inout [UInt8]) {
        for word in [words.0, words.1, words.2, words.3] {
            var shift: UInt64 = 60
            while true {
                let value = UInt8(truncatingIfNeeded: word >> shift) & 15
                bytes.append(value < 10 ? 0x30 + value : 0x57 + value)
                if shift == 0 { break }
                shift -= 4
            }
        }
    }

    static func == (left: MessageCode, right: MessageCode) -> Bool {
        // Without an early end: how much of a guess was right must not show in the time it takes.
        (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3) == 0
    }

    /// The value of each byte as a digit; 16 for what is none.
    private static let values: [UInt8] = (0...255).map { (byte: Int) -> UInt8 in
        switch UInt8(byte) {
        case 0x30...0x39: UInt8(byte) - 0x30
        case 0x61...0x66: UInt8(byte) - 0x57
        default: 16
        }
    }
}

extension MessageCode: CustomStringConvertible {
    var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
