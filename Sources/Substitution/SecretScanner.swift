/// Looks for secrets in a stream that comes in pieces. See `SecretFingerprints`.
public final class SecretScanner {
    /// The prepared form of the fingerprints, shared by all streams of a worker.
    public final class Index: Sendable {
        let hash: KeyedHash
        let multiplier: UInt64
        /// One bit for each value of the upper `bits` of a tail.
        let filter: [UInt64]
        let entries: [UInt32: [SecretFingerprints.Entry]]
        let longest: Int

        static let bits = 18

        public init(_ fingerprints: SecretFingerprints) {
            hash = KeyedHash(key: fingerprints.key)
            multiplier = fingerprints.multiplier
            var filter = [UInt64](repeating: 0, count: 1 << (Index.bits - 6))
            for entry in fingerprints.entries {
                let place = Int(entry.tail >> (32 - UInt32(Index.bits)))
                filter[place >> 6] |= 1 << (UInt64(place) & 63)
            }
            self.filter = filter
            entries = Dictionary(grouping: fingerprints.entries, by: \.tail)
            longest = fingerprints.entries.map(\.length).max() ?? 0
        }

        /// The secret that stands in `bytes`, looking only at forms that end after `start`.
        func find(in bytes: UnsafeRawBufferPointer, endingAfter start: Int) -> Int? {
            let first = max(0, start - 7)
            guard longest > 0, bytes.count - 8 >= first, let base = bytes.baseAddress else { return nil }
            return filter.withUnsafeBufferPointer { filter -> Int? in
                guard let bits = filter.baseAddress else { return nil }
                let end = bytes.count - 7
                var position = first
                // Four positions at a time: none of them depends on another, and one branch serves all.
                while position + 4 <= end {
                    let hits =
                        isMarked(base + position, bits) | isMarked(base + position + 1, bits) | isMarked(base + position + 2, bits)
                        | isMarked(base + position + 3, bits)
                    if hits & 1 != 0 {
                        for place in position..<position + 4 { if let found = confirm(bytes, at: place) { return found } }
                    }
                    position += 4
                }
                while position < end {
                    if let found = confirm(bytes, at: position) { return found }
                    position += 1
                }
                return nil
            }
        }

        /// The lowest bit says whether the tail at an address may be one that is known.
        @inline(__always)
        private func isMarked(_ address: UnsafeRawPointer, _ bits: UnsafePointer<UInt64>) -> UInt64 {
            let place = (address.loadUnaligned(as: UInt64.self) &* multiplier) &>> (64 - UInt64(Index.bits))
            return bits[Int(truncatingIfNeeded: place &>> 6)] &>> (place & 63)
        }

        private func confirm(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int? {
            let end = position + 8
            let tail = SecretFingerprints.tail(bytes, position, multiplier)
            for entry in entries[tail] ?? [] where entry.length <= end {
                let code = hash(UnsafeRawBufferPointer(rebasing: bytes[end - entry.length..<end]))
                if code.prefix(SecretFingerprints.codeLength).elementsEqual(entry.code) { return entry.secret }
            }
            return nil
        }
    }

    private let index: Index
    /// The end of what has passed, as long as the longest secret less one.
    private var history: [UInt8] = []

    public init(_ index: Index) { self.index = index }

    deinit { history.wipe() }

    /// Takes the next piece of the stream, before it is passed on.
    ///
    /// - Returns: which secret ends in this piece, by its position in the list that the fingerprints were made of; nil for none.
    public func scan(_ piece: UnsafeRawBufferPointer) -> Int? {
        let reach = index.longest - 1
        guard reach > 0 else { return nil }
        if !history.isEmpty {
            var joined: [UInt8] = []
            joined.reserveCapacity(history.count + reach)
            joined.append(contentsOf: history)
            joined.append(contentsOf: piece.prefix(reach))
            defer { joined.wipe() }
            let found = joined.withUnsafeBytes { index.find(in: $0, endingAfter: history.count) }
            if let found { return found }
        }
        if let found = index.find(in: piece, endingAfter: 0) { return found }
        if piece.count >= reach {
            history.wipe()
            history.append(contentsOf: piece.suffix(reach))
        } else {
            var kept = Array(history.suffix(reach - piece.count))
            kept.append(contentsOf: piece)
            history.wipe()
            history = kept
        }
        return nil
    }

    /// The secret in bytes that stand alone, such as the value of a header.
    public static func find(in bytes: [UInt8], _ index: Index) -> Int? {
        bytes.withUnsafeBytes { index.find(in: $0, endingAfter: 0) }
    }
}
