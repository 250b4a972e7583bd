import EventLog

/// The last events, as they are sent: a hundred subscribers who wait for the same event read and write it once.
struct RecentEvents {
    /// So many bytes are kept at most.
    private static let limit = 8 << 20

    private var lines: [[UInt8]] = []
    /// The number of the first line's event.
    private var first: UInt64 = 1
    private var size = 0

    mutating func append(_ event: Event) {
        // Numbers have no gap; where they have one nonetheless, what was before is no use.
        if event.sequence != first + UInt64(lines.count) {
            lines.removeAll(keepingCapacity: true)
            size = 0
            first = event.sequence
        }
        let line = event.json
        lines.append(line)
        size += line.count
        guard size > RecentEvents.limit else { return }
        let half = lines.count / 2
        size -= lines[..<half].reduce(0) { $0 + $1.count }
        lines.removeFirst(half)
        first += UInt64(half)
    }

    /// The event after a cursor; nil where it is not among these.
    func next(after cursor: UInt64) -> [UInt8]? {
        guard cursor + 1 >= first, cursor + 1 < first + UInt64(lines.count) else { return nil }
        return lines[Int(cursor + 1 - first)]
    }
}
