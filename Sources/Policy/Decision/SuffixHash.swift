/// The hashes of all suffixes of a name or path that begin at a label: of `a.b.com` those of `com`, `b.com` and `a.b.com`.
///
/// Each label is read in words of eight bytes and costs one multiplication for each, so that a whole name costs little
/// more than reading it. The keys come from the policy; the seed keeps who writes names from aiming at one slot.
struct SuffixHash {
    static let maximalMaskedCount = 64

    private let bytes: UnsafeRawPointer
    private let count: Int
    /// Bit i: there is a dot at byte i. Only up to 64 bytes.
    private let dots: UInt64
    /// All bytes, when there are fewer than eight.
    private let short: UInt64
    private(set) var hash: UInt64
    /// Where the suffix begins.
    private(set) var start: Int
    /// How many labels it has.
    private(set) var depth = 0

    @inline(__always)
    init(_ name: UnsafeRawBufferPointer, seed: UInt64) {
        // An empty name has no suffix, so nothing is read from the address that stands in for it.
        bytes = name.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        count = name.count
        start = name.count + 1
        hash = seed
        var dots: UInt64 = 0
        if count >= 8 {
            short = 0
            if count <= SuffixHash.maximalMaskedCount {
                var offset = 0
                while offset + 8 <= count {
                    dots |= SuffixHash.dots(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &<< UInt64(offset)
                    offset += 8
                }
                if offset < count {
                    dots |= SuffixHash.dots(bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)) &<< UInt64(count - 8)
                }
            }
        } else {
            var word: UInt64 = 0
            for index in 0..<count { word |= UInt64(bytes.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(8 * index) }
            short = word
            dots = SuffixHash.dots(word)
        }
        self.dots = dots
    }

    /// Goes on to the suffix with one label more; false when there is none.
    @inline(__always)
    mutating func next() -> Bool {
        guard start > 0, count > 0 else { return false }
        let end = start - 1
        if count <= SuffixHash.maximalMaskedCount {
            let before = end >= 64 ? dots : dots & (1 &<< UInt64(end) &- 1)
            start = 64 - before.leadingZeroBitCount
        } else {
            start = end
            while start > 0, bytes.load(fromByteOffset: start - 1, as: UInt8.self) != UInt8(ascii: ".") { start -= 1 }
        }
        var position = start
        while position < end {
            let length = min(8, end - position)
            let word = word(at: position) & (UInt64.max &>> UInt64(64 - 8 * length))
            hash = SuffixHash.mix(hash, word)
            position += 8
        }
        depth += 1
        return true
    }

    /// The bytes from `position` on, the first one lowest; what lies behind the end is zero or nonsense to be masked.
    @inline(__always)
    private func word(at position: Int) -> UInt64 {
        if count < 8 { return short &>> UInt64(8 * position) }
        let from = min(position, count - 8)
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: from, as: UInt64.self)) &>> UInt64(8 * (position - from))
    }

    /// One bit for each byte of a word that is a dot.
    @inline(__always)
    private static func dots(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let zeroWhereDot = UInt64(littleEndian: word) ^ 0x2E2E_2E2E_2E2E_2E2E
        // The classical test for zero bytes, in the form without carries from one byte into the next.
        let marks = ~(((zeroWhereDot & low) &+ low) | zeroWhereDot | low)
        return ((marks &>> 7) &* 0x0102_0408_1020_4080) &>> 56
    }

    @inline(__always)
    static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
