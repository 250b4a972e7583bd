/// Finds the narrowest pattern that covers a name: open addressing in two tables, one of whole names and one of the suffixes
/// that stand behind `*.`, so sparse that the first
/// slot nearly always settles it: a mispredicted branch costs more than a wider table.
///
/// A name is read once, from the right, in blocks of eight bytes. Each block costs one multiplication, and each dot one more
/// if some suffix has as many labels. The keys come from the policy; the seed keeps who writes names from aiming at a slot.
struct SuffixTable: ~Copyable, Sendable {
    /// No number.
    static let none = UInt32.max

    private struct Slot: BitwiseCopyable {
        /// The upper half of the hash.
        var tag: UInt32 = 0
        /// The number of the key; `none` in an empty slot.
        var number: UInt32 = SuffixTable.none
    }

    private let names: FrozenArray<Slot>
    private let suffixes: FrozenArray<Slot>
    /// What is known of each key, by number.
    let hosts: FrozenArray<CompiledHost>
    private let bytes: FrozenArray<UInt8>
    /// Bit n: there is a suffix of n labels (bit 63: of 63 or more), so that other depths need not be looked up.
    private let depths: UInt64
    private let seed: UInt64

    /// - Parameters:
    ///   - names: whole names, each with its number in `hosts`.
    ///   - suffixes: names whose subdomains are meant, each with its number in `hosts`.
    init(names: [String: UInt32], suffixes: [String: UInt32], hosts: [CompiledHost], seed: UInt64) {
        var hosts = hosts
        var bytes: [UInt8] = []
        var depths: UInt64 = 0
        for (key, number) in Array(names) + Array(suffixes) {
            hosts[Int(number)].keyStart = UInt32(bytes.count)
            hosts[Int(number)].keyCount = UInt32(key.utf8.count)
            bytes += key.utf8
        }
        for key in suffixes.keys { depths |= 1 << UInt64(min(63, key.utf8.count { $0 == UInt8(ascii: ".") } + 1)) }
        self.names = FrozenArray(SuffixTable.slots(names) { SuffixTable.hashes(of: $0, seed: seed).whole })
        self.suffixes = FrozenArray(SuffixTable.slots(suffixes) { SuffixTable.hashes(of: $0, seed: seed).suffix })
        self.hosts = FrozenArray(hosts)
        self.bytes = FrozenArray(bytes)
        self.depths = depths
        self.seed = seed
    }

    private static func slots(_ entries: [String: UInt32], hash: (String) -> UInt64) -> [Slot] {
        var capacity = 8
        while capacity < entries.count * 8 { capacity *= 2 }
        var result = [Slot](repeating: Slot(), count: capacity)
        for (key, number) in entries {
            let hash = hash(key)
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while result[index].number != none { index = (index + 1) & (capacity - 1) }
            result[index] = Slot(tag: UInt32(truncatingIfNeeded: hash >> 32), number: number)
        }
        return result
    }

    /// The hash of a key as a whole name, and as the end of a longer one.
    private static func hashes(of key: String, seed: UInt64) -> (whole: UInt64, suffix: UInt64) {
        // One label in front, so that the key is found behind a dot.
        var result: (whole: UInt64, suffix: UInt64) = (0, 0)
        Array(key.utf8).withUnsafeBytes { name in scan(name, seed: seed, depths: 0, suffix: { _, _ in }, whole: { result.whole = $0 }) }
        Array(("a." + key).utf8).withUnsafeBytes { name in
            scan(name, seed: seed, depths: .max, suffix: { hash, start in if start == 2 { result.suffix = hash } }, whole: { _ in })
        }
        return result
    }

    /// The number of the narrowest key that covers `name`: the name itself, or else its longest suffix; `none` without any.
    func narrowest(_ name: UnsafeRawBufferPointer) -> UInt32 {
        var found = SuffixTable.none
        SuffixTable.scan(name, seed: seed, depths: depths) { hash, start in
            let number = find(hash, in: suffixes, name, from: start)
            if number != SuffixTable.none { found = number }
        } whole: { hash in
            let number = find(hash, in: names, name, from: 0)
            if number != SuffixTable.none { found = number }
        }
        return found
    }

    @inline(__always)
    private func find(_ hash: UInt64, in slots: borrowing FrozenArray<Slot>, _ name: UnsafeRawBufferPointer, from start: Int) -> UInt32 {
        let mask = slots.count &- 1
        let tag = UInt32(truncatingIfNeeded: hash &>> 32)
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[index]
            if slot.number == SuffixTable.none { return SuffixTable.none }
            if slot.tag == tag {
                // Different names can have the same hash, so the bytes decide.
                let host = hosts[Int(slot.number)]
                if Int(host.keyCount) == name.count &- start, let base = name.baseAddress,
                    WordCompare.areEqual(bytes.start + Int(host.keyStart), base + start, Int(host.keyCount))
                {
                    return slot.number
                }
            }
            index = (index &+ 1) & mask
        }
    }

    /// Calls `suffix` for what stands behind each dot, from the right, where a suffix of so many labels is wanted, and
    /// `whole` for the whole name.
    @inline(__always)
    private static func scan(
        _ name: UnsafeRawBufferPointer, seed: UInt64, depths: UInt64, suffix: (_ hash: UInt64, _ start: Int) -> Void,
        whole: (_ hash: UInt64) -> Void
    ) {
        guard let base = name.baseAddress, name.count > 0 else { return }
        var hash = seed
        var end = name.count
        // The bits of the depths that are still to come; the first dot from the right has one label behind it.
        var wanted = depths &>> 1
        while true {
            let count = min(8, end)
            let word: UInt64
            if end >= 8 {
                word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: end &- 8, as: UInt64.self))
            } else if name.count >= 8 {
                word = UInt64(littleEndian: base.loadUnaligned(as: UInt64.self)) & (UInt64.max &>> UInt64(64 &- 8 &* end))
            } else {
                word = shortWord(base, end)
            }
            if wanted != 0 {
                var dots = dots(word)
                while dots != 0 {
                    // The highest marked byte is the dot furthest to the right.
                    let position = 7 &- dots.leadingZeroBitCount &>> 3
                    if wanted & 1 == 1 {
                        let behind = count &- 1 &- position
                        let rest = position == 7 ? 0 : word &>> UInt64(8 &* (position &+ 1))
                        suffix(mix(hash, rest | UInt64(behind &+ 1) &<< 56), end &- behind)
                    }
                    // Bit 63 stands for all greater depths.
                    wanted = wanted &>> 1 | wanted & (1 &<< 62)
                    dots &= ~(0x80 &<< UInt64(8 &* position))
                }
            }
            hash = mix(hash, word)
            if end <= 8 { break }
            end &-= 8
        }
        whole(hash)
    }

    /// The bytes of a name shorter than eight, the first one lowest.
    @inline(__always)
    private static func shortWord(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(base.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(8 &* index) }
        return word
    }

    /// The highest bit of each byte that is a dot: the classical test for zero bytes, in the form without carries.
    @inline(__always)
    private static func dots(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let zeroWhereDot = word ^ 0x2E2E_2E2E_2E2E_2E2E
        return ~(((zeroWhereDot & low) &+ low) | zeroWhereDot | low)
    }

    @inline(__always)
    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
