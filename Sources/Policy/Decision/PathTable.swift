/// Finds the rules of one host that may fit a path, for hosts with many of them: by the part of the pattern in front of its
/// first `*`, up to a whole segment. A pattern `/repos/me/*` is found at `/repos/me`, which is looked up where a path has its
/// third slash.
///
/// What is found is only a candidate: two keys with one hash are both found, and letter case makes no difference, as it makes none
/// for denials; the rule itself decides afterwards. So no key is kept. The table knows only paths with one reading; for others all
/// rules are looked at.
struct PathTable: ~Copyable, Sendable {
    /// Up to so many rules with paths it is quicker to look at each.
    static let threshold = 8

    private struct Slot: BitwiseCopyable {
        /// The upper half of the hash.
        var tag: UInt32 = 0
        /// The number of the host, whose rules are not to be tried on another; `SuffixTable.none` in an empty slot.
        var host: UInt32 = SuffixTable.none
        /// Where its rules stand in `candidates`.
        var first: UInt32 = 0
        var count: UInt32 = 0
    }

    /// The positions of rules, sorted by rank within each slot.
    let candidates: FrozenArray<UInt32>
    private let slots: FrozenArray<Slot>
    /// Bit n: there is a key of n bytes (bit 63: of 63 or more), so that other lengths need not be looked up.
    private let lengths: UInt64
    private let seed: UInt64

    /// - Parameters:
    ///   - entries: the positions of the rules for each host and key, sorted by rank.
    ///   - candidates: positions that stand in front of those of the entries, for other uses.
    init(_ entries: [PathKey: [UInt32]], candidates: [UInt32], seed: UInt64) {
        var all = candidates
        var lengths: UInt64 = 0
        var capacity = 8
        while capacity < entries.count * 4 { capacity *= 2 }
        var slots = [Slot](repeating: Slot(), count: capacity)
        for (key, positions) in entries {
            var hash: UInt64 = 0
            (key.bytes + [UInt8(ascii: "/")]).withUnsafeBytes { path in
                PathTable.scan(path, seed: seed ^ UInt64(key.host), lengths: .max) { found, count in
                    if count == key.bytes.count { hash = found }
                }
            }
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while slots[index].host != SuffixTable.none { index = (index + 1) & (capacity - 1) }
            slots[index] = Slot(
                tag: UInt32(truncatingIfNeeded: hash >> 32), host: key.host, first: UInt32(all.count), count: UInt32(positions.count))
            all += positions
            lengths |= 1 << UInt64(min(63, key.bytes.count))
        }
        self.candidates = FrozenArray(all)
        self.slots = FrozenArray(slots)
        self.lengths = lengths
        self.seed = seed
    }

    /// Calls `body` with the positions in `candidates` of each key that the path begins with, and perhaps of others.
    @inline(__always)
    func forEachCandidate(_ host: UInt32, _ path: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void) {
        PathTable.scan(path, seed: seed ^ UInt64(host), lengths: lengths) { hash, _ in
            let mask = slots.count &- 1
            let tag = UInt32(truncatingIfNeeded: hash &>> 32)
            var index = Int(truncatingIfNeeded: hash) & mask
            while true {
                let slot = slots[index]
                if slot.host == SuffixTable.none { return }
                if slot.tag == tag, slot.host == host { body(Int(slot.first)..<Int(slot.first &+ slot.count)) }
                index = (index &+ 1) & mask
            }
        }
    }

    /// Calls `body` with the hash and length of what stands in front of each slash, and of the whole path if it does not end
    /// with one. Reads blocks of eight bytes from the left.
    @inline(__always)
    private static func scan(_ path: UnsafeRawBufferPointer, seed: UInt64, lengths: UInt64, _ body: (_ hash: UInt64, _ count: Int) -> Void)
    {
        guard let base = path.baseAddress else { return }
        var hash = seed
        var start = 0
        while start < path.count {
            let word = word(base, start, path.count)
            var slashes = equal(word, 0x2F)
            if path.count &- start < 8 { slashes &= UInt64.max &>> UInt64(64 &- 8 &* (path.count &- start)) }
            while slashes != 0 {
                let position = slashes.trailingZeroBitCount &>> 3
                slashes &= slashes &- 1
                visit(hash, word, position, start &+ position, lengths, body)
            }
            // The end of the path, if it is in this block and no slash.
            let rest = path.count &- start
            if rest <= 8 {
                guard path[path.count &- 1] != UInt8(ascii: "/") else { return }
                if rest < 8 {
                    visit(hash, word, rest, path.count, lengths, body)
                } else {
                    visit(mix(hash, word | blur), 0, 0, path.count, lengths, body)
                }
                return
            }
            hash = mix(hash, word | blur)
            start &+= 8
        }
    }

    /// Hides the case of letters, and what else differs in this bit alone.
    private static let blur: UInt64 = 0x2020_2020_2020_2020

    @inline(__always)
    private static func visit(
        _ hash: UInt64, _ word: UInt64, _ position: Int, _ count: Int, _ lengths: UInt64, _ body: (UInt64, Int) -> Void
    ) {
        guard lengths &>> UInt64(min(63, count)) & 1 == 1 else { return }
        let part = position == 0 ? 0 : (word | blur) & (UInt64.max &>> UInt64(64 &- 8 &* position))
        body(mix(hash, part | UInt64(position &+ 1) &<< 56), count)
    }

    /// Eight bytes from `start` on, the first one lowest; zeros behind the end.
    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> UInt64 {
        if start &+ 8 <= count { return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: start, as: UInt64.self)) }
        if count >= 8 {
            return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
                &>> UInt64(8 &* (start &+ 8 &- count))
        }
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(base.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(8 &* index) }
        return word
    }

    /// The highest bit of each byte that equals `byte`.
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

/// What a rule with paths is found by.
struct PathKey: Hashable {
    /// The number of the host.
    var host: UInt32
    /// In lower case, without the slash at the end.
    var bytes: [UInt8]

    init(host: UInt32, pattern: PathPattern) {
        self.host = host
        let text = Array(pattern.text.utf8).map(PathMatch.lower)
        var key = text.prefix { $0 != UInt8(ascii: "*") }
        if key.count < text.count {
            // Up to the last slash in front of the star.
            while let last = key.last, last != UInt8(ascii: "/") { key.removeLast() }
        }
        if key.last == UInt8(ascii: "/") { key.removeLast() }
        bytes = Array(key)
    }
}
