import CoopErrors
import EventLog
import Glibc
import Sessions
import TerminalModel

/// The bytes that a session's terminal has received, or those of one further command. On a person's terminal only what draws is left of them.
struct RawLog {
    private let session: StoredSession
    private let context: Context
    /// The number of the further command; nil for the terminal.
    private let command: String?
    private var filter: TerminalFilter? = isatty(1) == 1 ? TerminalFilter() : nil

    init(_ session: StoredSession, command: String?, context: Context) {
        self.session = session
        self.command = command
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
            for event in next {
                guard let part = WrittenPart(event), part.command == command else { continue }
                try part.read(open) { piece in try StandardOutput.write(filter?.filter(piece) ?? piece) }
            }
        }
        if let rest = filter?.finish() { try StandardOutput.write(rest) }
    }
}
