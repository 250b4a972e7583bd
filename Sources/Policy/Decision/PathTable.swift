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
        /// The position of its only rule, or where those of several stand in `candidates`.
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
                var prefixes = PathPrefixes(path, seed: seed ^ UInt64(key.host), lengths: .max)
                while let prefix = prefixes.next() { if prefix.count == key.bytes.count { hash = prefix.hash } }
            }
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while slots[index].host != SuffixTable.none { index = (index + 1) & (capacity - 1) }
            slots[index] = Slot(
                tag: UInt32(truncatingIfNeeded: hash >> 32), host: key.host, first: positions.count == 1 ? positions[0] : UInt32(all.count),
                count: UInt32(positions.count))
            if positions.count > 1 { all += positions }
            lengths |= 1 << UInt64(min(63, key.bytes.count))
        }
        self.candidates = FrozenArray(all)
        self.slots = FrozenArray(slots)
        self.lengths = lengths
        self.seed = seed
    }

    /// What a path of this host is looked up by, one prefix after the other.
    @inline(__always)
    func prefixes(of path: UnsafeRawBufferPointer, _ host: UInt32) -> PathPrefixes {
        PathPrefixes(path, seed: seed ^ UInt64(host), lengths: lengths)
    }

    /// The rules of the next key with this hash, or perhaps of another: the position of one, or where those of several stand in `candidates`.
    ///
    /// - Parameter step: how many slots have been looked at; 0 at first.
    @inline(__always)
    func next(_ host: UInt32, _ hash: UInt64, _ step: inout Int) -> (first: Int, count: Int)? {
        let mask = slots.count &- 1
        let tag = UInt32(truncatingIfNeeded: hash &>> 32)
        while true {
            let slot = slots[(Int(truncatingIfNeeded: hash) &+ step) & mask]
            if slot.host == SuffixTable.none { return nil }
            step &+= 1
            if slot.tag == tag, slot.host == host { return (Int(slot.first), Int(slot.count)) }
        }
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
