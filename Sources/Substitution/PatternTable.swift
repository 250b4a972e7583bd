import Glibc

/// Patterns, each with what takes its place, prepared for a search that skips most of the bytes it looks through.
///
/// The search is Wu and Manber's (1994): the pair of bytes at the end of a window as long as the shortest pattern tells how far the
/// window may move. Patterns and replacements lie in one wiped block of memory.
public final class PatternTable: Sendable {
    /// A pattern and what takes its place.
    public struct Pair: Sendable {
        public var pattern: [UInt8]
        public var replacement: [UInt8]

        public init(_ pattern: [UInt8], _ replacement: [UInt8]) {
            self.pattern = pattern
            self.replacement = replacement
        }
    }

    struct Entry: Sendable {
        var pattern: Range<Int>
        var replacement: Range<Int>
    }

    private let bytes: SecretBytes
    let entries: [Entry]
    /// Length of the shortest and of the longest pattern; 0 for an empty table.
    let shortest: Int
    public let longest: Int
    private let shift: [UInt8]
    /// The entries of each bucket: `order[bucketStart[b]..<bucketStart[b + 1]]`, the longest first.
    private let bucketStart: [UInt16]
    private let order: [UInt16]
    /// Whether some pattern begins with the byte.
    private let isFirst: [Bool]
    /// Whether each replacement is as long as its pattern, so that the length of a body stays what it was announced to be.
    public let keepsLength: Bool

    private static let bucketBits = 12
    /// No more than this many patterns; a request needs a few dozen.
    public static let limit = 4096

    /// - Parameter pairs: empty patterns and those of one byte are left out; of equal patterns the first counts. The arrays are not
    ///   wiped here; see `init(wiping:)`.
    public convenience init(_ pairs: [Pair]) {
        var copy = pairs
        self.init(wiping: &copy)
    }

    /// Takes the pairs over and wipes them.
    public init(wiping pairs: inout [Pair]) {
        var kept: [Int] = []
        var seen: Set<[UInt8]> = []
        for (index, pair) in pairs.enumerated() where pair.pattern.count >= 2 && kept.count < PatternTable.limit {
            // Most sandboxes have none or a few, for which a set is not worth being made.
            let isNew = pairs.count <= 16 ? !kept.contains { pairs[$0].pattern == pair.pattern } : seen.insert(pair.pattern).inserted
            if isNew { kept.append(index) }
        }
        seen.removeAll()
        var entries: [Entry] = []
        var total = 0
        for index in kept {
            let middle = total + pairs[index].pattern.count
            let end = middle + pairs[index].replacement.count
            entries.append(Entry(pattern: total..<middle, replacement: middle..<end))
            total = end
        }
        let bytes = SecretBytes(count: total) { target in
            for (index, entry) in zip(kept, entries) {
                UnsafeMutableRawBufferPointer(rebasing: target[entry.pattern]).copyBytes(from: pairs[index].pattern)
                UnsafeMutableRawBufferPointer(rebasing: target[entry.replacement]).copyBytes(from: pairs[index].replacement)
            }
        }
        for index in pairs.indices {
            pairs[index].pattern.wipe()
            pairs[index].replacement.wipe()
        }
        pairs.removeAll()

        let shortest = entries.lazy.map(\.pattern.count).min() ?? 0
        let buckets = entries.isEmpty ? 0 : 1 << PatternTable.bucketBits
        // One byte a bucket: a window longer than 255 just moves a little less far.
        let window = min(shortest, 255)
        var shift = [UInt8](repeating: UInt8(max(0, window - 1)), count: buckets)
        var isFirst = [Bool](repeating: false, count: 256)
        var bucketStart = [UInt16](repeating: 0, count: buckets + 1)
        var placed: [(bucket: Int, length: Int, index: UInt16)] = []
        placed.reserveCapacity(entries.count)
        bytes.withBytes { all in
            for (index, entry) in entries.enumerated() {
                let start = entry.pattern.lowerBound
                isFirst[Int(all[start])] = true
                for end in 1..<window {
                    let bucket = PatternTable.bucket(all[start + end - 1], all[start + end])
                    shift[bucket] = min(shift[bucket], UInt8(window - 1 - end))
                }
                let bucket = PatternTable.bucket(all[start + window - 2], all[start + window - 1])
                bucketStart[bucket + 1] += 1
                placed.append((bucket, entry.pattern.count, UInt16(index)))
            }
        }
        if buckets > 0 { for bucket in 0..<buckets { bucketStart[bucket + 1] += bucketStart[bucket] } }
        placed.sort { $0.bucket != $1.bucket ? $0.bucket < $1.bucket : $0.length > $1.length }
        self.bytes = bytes
        self.entries = entries
        self.shortest = window
        longest = entries.lazy.map(\.pattern.count).max() ?? 0
        self.shift = shift
        self.bucketStart = bucketStart
        order = placed.map(\.index)
        self.isFirst = isFirst
        keepsLength = entries.allSatisfy { $0.pattern.count == $0.replacement.count }
    }

    public var isEmpty: Bool { entries.isEmpty }

    private static func bucket(_ first: UInt8, _ second: UInt8) -> Int {
        (Int(first) << 4 ^ Int(second)) & ((1 << bucketBits) - 1)
    }

    /// The first position at or after `start` where a pattern might begin, with a whole window of bytes behind it.
    func candidate(in buffer: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let last = buffer.count - shortest
        guard start <= last, let base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        return shift.withUnsafeBufferPointer { shift in
            var position = start
            let reach = shortest - 1
            while position <= last {
                let move = shift[PatternTable.bucket(base[position + reach - 1], base[position + reach])]
                if move == 0 { return position }
                position += Int(move)
            }
            return nil
        }
    }

    /// The longest pattern that stands at `position`, which `candidate` has found.
    func match(in buffer: UnsafeRawBufferPointer, at position: Int) -> Entry? {
        guard let base = buffer.baseAddress else { return nil }
        let bucket = PatternTable.bucket(buffer[position + shortest - 2], buffer[position + shortest - 1])
        return bytes.withBytes { all in
            guard let patterns = all.baseAddress else { return nil }
            for place in Int(bucketStart[bucket])..<Int(bucketStart[bucket + 1]) {
                let entry = entries[Int(order[place])]
                let length = entry.pattern.count
                if position + length <= buffer.count, memcmp(base + position, patterns + entry.pattern.lowerBound, length) == 0 {
                    return entry
                }
            }
            return nil
        }
    }

    /// Whether the bytes from `position` to the end are the beginning of a pattern that is longer.
    func mayContinue(_ buffer: UnsafeRawBufferPointer, at position: Int) -> Bool {
        guard let base = buffer.baseAddress, isFirst[Int(buffer[position])] else { return false }
        let rest = buffer.count - position
        return bytes.withBytes { all in
            guard let patterns = all.baseAddress else { return false }
            return entries.contains {
                $0.pattern.count > rest && memcmp(base + position, patterns + $0.pattern.lowerBound, rest) == 0
            }
        }
    }

    func withReplacement(_ entry: Entry, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withBytes { body(UnsafeRawBufferPointer(rebasing: $0[entry.replacement])) }
    }

    /// `whole` with every pattern replaced; nil when there is none in it.
    public func replacing(in whole: [UInt8]) -> [UInt8]? {
        guard !isEmpty else { return nil }
        let replacer = StreamReplacer(self)
        var result: [UInt8] = []
        whole.withUnsafeBytes { replacer.process($0) { result.append(contentsOf: $0) } }
        replacer.finish { result.append(contentsOf: $0) }
        return replacer.replacements > 0 ? result : nil
    }

    /// As `replacing(in:)`, for text. Bytes that are not UTF-8 afterwards become U+FFFD.
    public func replacing(in text: String) -> String? {
        guard var result = replacing(in: Array(text.utf8)) else { return nil }
        defer { result.wipe() }
        return String(decoding: result, as: UTF8.self)
    }
}
