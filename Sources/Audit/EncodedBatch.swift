/// Entries that wait to be chained: encoded, as far as that is possible without their place.
struct EncodedBatch: Sendable {
    /// The encoded entries, one after another.
    private(set) var bytes: [UInt8] = []
    /// Where each of them ends.
    private(set) var ends: [Int] = []

    var count: Int { ends.count }
    var isEmpty: Bool { ends.isEmpty }

    /// Bytes that the lines will need at most: a sequence number of twenty digits, and what LogLine adds.
    var lineBytes: Int { bytes.count + count * (LogLine.overhead + 20) }

    mutating func append(_ entry: AuditEntry, _ encoder: EntryEncoder) {
        encoder.append(entry, to: &bytes)
        ends.append(bytes.count)
    }

    mutating func append(_ other: EncodedBatch) {
        let offset = bytes.count
        bytes += other.bytes
        for end in other.ends { ends.append(end + offset) }
    }

    /// Takes as many entries from the front as fit into `limit` bytes of lines, at least one.
    mutating func takeFirst(limit: Int) -> EncodedBatch {
        if lineBytes <= limit {
            defer { self = EncodedBatch() }
            return self
        }
        var taken = EncodedBatch()
        var number = 0
        var beginning = 0
        for end in ends {
            let needed = end + (number + 1) * (LogLine.overhead + 20)
            if number > 0, needed > limit { break }
            number += 1
            beginning = end
        }
        taken.bytes = Array(bytes[0..<beginning])
        taken.ends = Array(ends[0..<number])
        bytes.removeFirst(beginning)
        ends = ends[number...].map { $0 - beginning }
        return taken
    }
}
