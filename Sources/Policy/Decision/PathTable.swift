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
        var hash: UInt64 = 0
        /// The number of the host, whose rules are not to be tried on another; `SuffixTable.none` in an empty slot.
        var host: UInt32 = SuffixTable.none
        var place: UInt32 = 0
    }

    /// What is known by a key: the host and the hash.
    private struct Key: Hashable {
        var host: UInt32
        var hash: UInt64
    }

    /// What stands where a slot leads to.
    enum Found {
        /// One rule with one path.
        case lone(UnsafePointer<LoneRule>)
        /// The rules at these places of `candidates`.
        case candidates(Range<Int>)
    }

    /// Marks a place among the lone rules; without it, a list begins there in `candidates`, with its length.
    private static let loneMark: UInt32 = 1 << 31

    /// The positions of rules, sorted by rank within each list.
    let candidates: FrozenArray<UInt32>
    private let slots: FrozenArray<Slot>
    /// Each `LoneRule` and its pattern.
    private let lone: FrozenArray<UInt64>
    /// Bit n: there is a key of n bytes (bit 63: of 63 or more), so that other lengths need not be looked up.
    private let lengths: UInt64
    private let seed: UInt64

    /// Takes the positions of the rules for each host and key, and the ones that stand in front of them for other uses.
    init(_ builder: PolicyBuilder, seed: UInt64) {
        var lengths: UInt64 = 0
        var entries: [Key: [UInt32]] = [:]
        for (key, positions) in builder.pathEntries {
            entries[Key(host: key.host, hash: PathTable.hash(of: key, seed: seed)), default: []] += positions
            lengths |= 1 << UInt64(min(63, key.bytes.count))
        }
        var capacity = 8
        while capacity < entries.count * 4 { capacity *= 2 }
        var slots = [Slot](repeating: Slot(), count: capacity)
        var candidates = builder.candidates
        var lone: [UInt64] = []
        for (key, positions) in entries {
            var index = Int(truncatingIfNeeded: key.hash) & (capacity - 1)
            while slots[index].host != SuffixTable.none { index = (index + 1) & (capacity - 1) }
            let rule = builder.rules[Int(positions[0])]
            if positions.count == 1, rule.action == .allow, rule.pathCount == 1 {
                slots[index] = Slot(hash: key.hash, host: key.host, place: UInt32(lone.count) | PathTable.loneMark)
                let path = builder.paths[Int(rule.firstPath)]
                let pattern = builder.patterns[Int(path.start)..<Int(path.start + path.count)]
                LoneRule.append(rule, pattern, literalCount: path.literalCount, to: &lone)
            } else {
                slots[index] = Slot(hash: key.hash, host: key.host, place: UInt32(candidates.count))
                // The rules of a host stand there by rank.
                let sorted = Set(positions).sorted()
                candidates += [UInt32(sorted.count)] + sorted
            }
        }
        self.candidates = FrozenArray(candidates)
        self.slots = FrozenArray(slots)
        self.lone = FrozenArray(lone)
        self.lengths = lengths
        self.seed = seed
    }

    private static func hash(of key: PathKey, seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0
        (key.bytes + [UInt8(ascii: "/")]).withUnsafeBytes { path in
            var prefixes = PathPrefixes(path, slashes: nil, seed: seed ^ UInt64(key.host), lengths: .max)
            while let prefix = prefixes.next() { if prefix.count == key.bytes.count { hash = prefix.hash } }
        }
        return hash
    }

    /// What a path of this host is looked up by, one prefix after the other.
    @inline(__always)
    func prefixes(of request: RequestView, _ host: UInt32) -> PathPrefixes {
        PathPrefixes(request.literal, slashes: request.slashes, seed: seed ^ UInt64(host), lengths: lengths)
    }

    /// The rules of the keys with this hash. (All of them stand at one place, so that nothing is left to look for behind it.)
    @inline(__always)
    func find(_ host: UInt32, _ hash: UInt64) -> Found? {
        let mask = slots.count &- 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots.start + index
            if slot.pointee.host == SuffixTable.none { return nil }
            if slot.pointee.hash == hash, slot.pointee.host == host {
                let place = slot.pointee.place
                if place & PathTable.loneMark != 0 {
                    let words = lone.start + Int(place & ~PathTable.loneMark)
                    return .lone(UnsafeRawPointer(words).assumingMemoryBound(to: LoneRule.self))
                }
                let first = Int(place) &+ 1
                return .candidates(first..<first &+ Int(candidates[Int(place)]))
            }
            index = (index &+ 1) & mask
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
