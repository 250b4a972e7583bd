import CoopErrors
import EventLog

/// The part of a session's output that one event is about: of its terminal, or of a further command.
struct WrittenPart {
    /// The number of the further command; nil for the terminal.
    let command: String?
    private let offset: Int64
    private let count: Int64

    /// - Returns: nil for an event of another kind.
    init?(_ event: Event) {
        guard event.type == .terminal || event.type == .execOutput else { return nil }
        let fields = EventText.Fields(event.fields) { _ in nil }
        guard let offset = fields.number("offset"), let count = fields.number("bytes") else { return nil }
        (self.offset, self.count) = (offset, count)
        command = event.type == .execOutput ? fields.text("id") : nil
    }

    /// Hands out its bytes, a piece at a time.
    func read(_ reader: EventReader, _ each: ([UInt8]) throws -> Void) throws {
        var place = offset
        let end = offset + count
        while place < end {
            let count = Int(min(end - place, 1 << 20))
            let piece =
                command == nil ? try reader.terminal(offset: place, count: count) : try reader.executions(offset: place, count: count)
            if piece.isEmpty { return }
            place += Int64(piece.count)
            try each(piece)
        }
    }
}
