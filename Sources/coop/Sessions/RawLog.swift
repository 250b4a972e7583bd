import CoopErrors
import EventLog
import Glibc
import Sessions
import TerminalModel

/// The bytes that a session's terminal has received. On a person's terminal only what draws is left of them.
struct RawLog {
    private let session: StoredSession
    private let context: Context
    private var filter: TerminalFilter? = isatty(1) == 1 ? TerminalFilter() : nil

    init(_ session: StoredSession, context: Context) {
        self.session = session
        self.context = context
    }

    /// - Parameter follow: until the session is over.
    mutating func write(follow: Bool) throws {
        let events = try SessionEvents(session, after: 0, context: context)
        var reader: EventReader?
        while true {
            let next: [Event]
            if follow {
                guard case .events(let found) = try events.next() else { break }
                next = found
            } else {
                next = try events.available()
                if next.isEmpty { break }
            }
            let open = try reader ?? EventReader(directory: session.directory)
            reader = open
            for event in next where event.type == .terminal { try write(event, from: open) }
        }
        if let rest = filter?.finish() { try StandardOutput.write(rest) }
    }

    private mutating func write(_ event: Event, from reader: EventReader) throws {
        let fields = EventText.Fields(event.fields) { _ in nil }
        guard var place = fields.number("offset"), let count = fields.number("bytes") else { return }
        let end = place + count
        while place < end {
            let piece = try reader.terminal(offset: place, count: Int(min(end - place, 1 << 20)))
            if piece.isEmpty { return }
            place += Int64(piece.count)
            try StandardOutput.write(filter?.filter(piece) ?? piece)
        }
    }
}
