/// Eight bytes at once, each a lane of a word. All are below 0x80, or what is found means nothing; an answer is the highest bit of its lane,
/// the other bits mean nothing.
enum ByteLanes {
    static let high: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func all(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }

    @inline(__always)
    static func within(_ word: UInt64, _ low: UInt64, _ top: UInt64) -> UInt64 {
        (word &+ all(0x80 &- low)) & ~(word &+ all(0x7F &- top))
    }

    @inline(__always)
    static func equal(_ word: UInt64, _ byte: UInt64) -> UInt64 { ~((word ^ all(byte)) &+ all(0x7F)) }

    /// The highest bits brought together: bit n is that of byte n.
    @inline(__always)
    static func gathered(_ word: UInt64) -> UInt64 { (((word & high) &>> 7) &* 0x0102_0408_1020_4080) &>> 56 }
}
