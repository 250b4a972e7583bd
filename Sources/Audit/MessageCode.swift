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
        var invalid: UInt64 = 0
        func half(_ place: Int) -> UInt64 {
            MessageCode.value(UInt64(bigEndian: hex.loadUnaligned(fromByteOffset: place, as: UInt64.self)), &invalid)
        }
        func word(_ index: Int) -> UInt64 { half(index * 16) << 32 | half(index * 16 + 8) }
        words = (word(0), word(1), word(2), word(3))
        guard invalid == 0 else { return nil }
    }

    /// The value of eight digits at once, without a branch: digits are random, and a mispredicted branch each would cost more than
    /// the hash.
    ///
    /// - Parameter invalid: gets a bit set when one of them is no digit.
    private static func value(_ digits: UInt64, _ invalid: inout UInt64) -> UInt64 {
        let every: UInt64 = 0x0101_0101_0101_0101
        // `a` is 0x61: nine more than its low half.
        var nibbles = (digits & (every * 0x0F)) + ((digits >> 6) & every) * 9
        // Written back, each value must give the byte that it came from.
        let isLetter = ((nibbles + every * 6) >> 4) & every
        invalid |= (nibbles & (every * 0xF0)) | ((every * 0x30 + nibbles + isLetter * 0x27) ^ digits)
        nibbles = (nibbles | nibbles >> 4) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles >> 8) & 0x0000_FFFF_0000_FFFF
        return (nibbles | nibbles >> 16) & 0xFFFF_FFFF
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
}

extension MessageCode: CustomStringConvertible {
    var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
