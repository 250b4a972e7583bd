/// Events on their way to the disk, in the order of their numbers.
struct EventBatch: Sendable {
    enum Payload: Sendable {
        case fields([UInt8])
        /// So many of the batch's terminal bytes.
        case terminal(Int)
        /// So many of the batch's bytes of further commands, and which of them wrote these.
        case written(command: UInt32, Int)
    }

    struct Entry: Sendable {
        var sequence: UInt64
        var time: EventTime
        var type: EventType
        var payload: Payload
    }

    /// The number of the last event that was given one.
    private(set) var last: UInt64
    private(set) var entries: [Entry] = []
    private(set) var contents: [EventFields.Content] = []
    /// The bytes of all terminal entries, one after the other.
    private(set) var terminal: [UInt8] = []
    /// The bytes of all entries of further commands, one after the other.
    private(set) var written: [UInt8] = []
    /// About how many bytes it holds.
    private(set) var size = 0

    init(after last: UInt64) { self.last = last }

    /// Whether it must survive a power loss at once. What is only shown follows with the next event.
    var isUrgent: Bool { entries.contains { $0.type != .terminal && $0.type != .execOutput } }

    mutating func add(_ type: EventType, _ fields: consuming EventFields, at time: EventTime) -> UInt64 {
        last += 1
        for content in fields.contents {
            size += content.bytes.count
            contents.append(content)
        }
        let object = fields.object()
        size += object.count + 64
        entries.append(Entry(sequence: last, time: time, type: type, payload: .fields(object)))
        return last
    }

    /// Adds what the terminal received; it joins the event before it if that is of the terminal too.
    mutating func add(terminal bytes: some Collection<UInt8>, at time: EventTime) {
        size += bytes.count
        terminal.append(contentsOf: bytes)
        if let index = entries.indices.last, case .terminal(let count) = entries[index].payload {
            entries[index].payload = .terminal(count + bytes.count)
            return
        }
        last += 1
        size += 64
        entries.append(Entry(sequence: last, time: time, type: .terminal, payload: .terminal(bytes.count)))
    }

    /// Adds what a further command has written; it joins the event before it if that is the same command's.
    mutating func add(written bytes: some Collection<UInt8>, by command: UInt32, at time: EventTime) {
        size += bytes.count
        written.append(contentsOf: bytes)
        if let index = entries.indices.last, case .written(command, let count) = entries[index].payload {
            entries[index].payload = .written(command: command, count + bytes.count)
            return
        }
        last += 1
        size += 64
        entries.append(Entry(sequence: last, time: time, type: .execOutput, payload: .written(command: command, bytes.count)))
    }
}
