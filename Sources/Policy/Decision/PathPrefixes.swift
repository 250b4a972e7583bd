/// The hash and length of what stands in front of each slash of a path, and of the whole path if it does not end with one, from the left.
///
/// Where the slashes are is found for 64 bytes at a time, so that nearly nothing is left to guess for the processor: a branch that it guesses
/// wrongly costs more than a hash. (Not a sequence, and no closure is called: either would cost a reference count.)
struct PathPrefixes {
    private let path: UnsafeRawBufferPointer
    /// Bit n: prefixes of n bytes are wanted (bit 63: of 63 or more).
    private let lengths: UInt64
    /// Where the 64 positions begin that `pending` is about.
    private var window = 0
    /// Bit n: what stands in front of position `window` + n is still to come.
    private var pending: UInt64
    /// Of all blocks of eight bytes in front of `start`.
    private var hash: UInt64
    private var start = 0

    /// - Parameter slashes: where they are, if the path is shorter than 64 bytes; nil when that is not known.
    @inline(__always)
    init(_ path: UnsafeRawBufferPointer, slashes: UInt64?, seed: UInt64, lengths: UInt64) {
        (self.path, self.lengths, hash) = (path, lengths, seed)
        if let slashes, path.count < 64 {
            // The end counts unless a slash stands in front of it.
            let end = (1 &<< UInt64(path.count)) & ~(slashes &<< 1)
            pending = (slashes | end) & lengths
        } else {
            pending = PathPrefixes.ends(path, from: 0) & lengths
        }
    }

    @inline(__always)
    mutating func next() -> (hash: UInt64, count: Int)? {
        while pending == 0 {
            guard lengths &>> 63 == 1, window &+ 64 <= path.count else { return nil }
            window &+= 64
            pending = PathPrefixes.ends(path, from: window)
        }
        let count = window &+ pending.trailingZeroBitCount
        pending &= pending &- 1
        while start &+ 8 <= count {
            hash = PathPrefixes.mix(hash, PathPrefixes.word(path, start) | PathPrefixes.blur)
            start &+= 8
        }
        let rest = count &- start
        let part = rest == 0 ? 0 : (PathPrefixes.word(path, start) | PathPrefixes.blur) & (UInt64.max &>> UInt64(64 &- 8 &* rest))
        return (PathPrefixes.mix(hash, part | UInt64(rest &+ 1) &<< 56), count)
    }

    /// Hides the case of letters, and what else differs in this bit alone.
    private static let blur: UInt64 = 0x2020_2020_2020_2020

    /// Bit n: at `window` + n is a slash, or the end of a path that does not end with one.
    @inline(__always)
    private static func ends(_ path: UnsafeRawBufferPointer, from window: Int) -> UInt64 {
        guard let last = path.last else { return 0 }
        var result: UInt64 = 0
        var offset = 0
        while offset < 64, window &+ offset < path.count {
            // The highest bit of each byte, brought together.
            result |= ByteLanes.gathered(equal(word(path, window &+ offset), 0x2F)) &<< UInt64(offset)
            offset &+= 8
        }
        let end = path.count &- window
        if end < 64, last != UInt8(ascii: "/") { result |= 1 &<< UInt64(end) }
        return result
    }

    /// Eight bytes from `start` on, the first one lowest; zeros behind the end.
    @inline(__always)
    private static func word(_ path: UnsafeRawBufferPointer, _ start: Int) -> UInt64 {
        let count = path.count
        guard let base = path.baseAddress else { return 0 }
        if start &+ 8 <= count { return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: start, as: UInt64.self)) }
        if count >= 8 {
            return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
                &>> UInt64(8 &* (start &+ 8 &- count))
        }
        var word: UInt64 = 0
        for index in start..<count {
            word |= UInt64(base.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(8 &* (index &- start))
        }
        return word
    }

    /// The highest bit of each byte that equals `byte`, and no other.
    @inline(__always)
    private static func equal(_ word: UInt64, _ byte: UInt64) -> UInt64 {
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let difference = word ^ (byte &* 0x0101_0101_0101_0101)
        return ~(((difference & low) &+ low) | difference | low)
    }

    @inline(__always)
    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
