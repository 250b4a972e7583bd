import Glibc

/// A hash table from names to numbers, built once: open addressing, at most a quarter full, keys in one block of bytes.
struct SuffixTable: ~Copyable, Sendable {
    private struct Slot: BitwiseCopyable {
        var hash: UInt64 = 0
        var keyStart: UInt32 = 0
        var keyCount: UInt32 = 0
        /// `none` in an empty slot.
        var value: UInt32 = SuffixTable.none
    }

    /// No number.
    static let none = UInt32.max

    private let slots: FrozenArray<Slot>
    private let keys: FrozenArray<UInt8>
    private let mask: Int
    /// Bit n: there is a key of n labels (bit 63: of 63 or more), so that other depths need not be looked up.
    private let depths: UInt64

    /// - Parameter entries: each key once.
    init(_ entries: [(key: String, value: UInt32)], seed: UInt64) {
        var capacity = 8
        while capacity < entries.count * 4 { capacity *= 2 }
        var slots = [Slot](repeating: Slot(), count: capacity)
        var keys: [UInt8] = []
        var depths: UInt64 = 0
        for entry in entries {
            let bytes = Array(entry.key.utf8)
            let (hash, depth) = bytes.withUnsafeBytes { bytes in
                var suffix = SuffixHash(bytes, seed: seed)
                while suffix.next() {}
                return (suffix.hash, suffix.depth)
            }
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while slots[index].value != SuffixTable.none { index = (index + 1) & (capacity - 1) }
            slots[index] = Slot(hash: hash, keyStart: UInt32(keys.count), keyCount: UInt32(bytes.count), value: entry.value)
            keys += bytes
            depths |= 1 << UInt64(min(depth, 63))
        }
        self.slots = FrozenArray(slots)
        self.keys = FrozenArray(keys)
        mask = capacity - 1
        self.depths = depths
    }

    /// The number of the suffix that `suffix` stands at; `none` when it has none.
    @inline(__always)
    func value(_ suffix: SuffixHash, of name: UnsafeRawBufferPointer) -> UInt32 {
        guard depths &>> UInt64(min(suffix.depth, 63)) & 1 == 1 else { return SuffixTable.none }
        var index = Int(truncatingIfNeeded: suffix.hash) & mask
        while true {
            let slot = slots[index]
            if slot.value == SuffixTable.none { return SuffixTable.none }
            // Different names can have the same hash, so the bytes decide.
            if slot.hash == suffix.hash, Int(slot.keyCount) == name.count &- suffix.start, let base = name.baseAddress,
                memcmp(keys.start + Int(slot.keyStart), base + suffix.start, Int(slot.keyCount)) == 0
            {
                return slot.value
            }
            index = (index &+ 1) & mask
        }
    }
}
