import ArgumentParser
import CoopErrors
import EventLog
import Sessions

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow what happens in a session: messages, tools, refusals, questions, its end.",
        discussion: """
            From the beginning, or from an event on, and then live until the session is over: every event once. --json prints the events
            themselves (docs/events.md), one a line.

            Examples:
              coop watch fix-auth
              coop watch fix-auth --from 120 --json
            """)

    @Option(help: ArgumentHelp("Begin with the event of this number.", valueName: "SEQ")) var from: UInt64 = 1
    @Flag(help: "Print the events as JSON, one a line.") var json = false

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func validate() throws {
        if from == 0 { throw ValidationError("Events are numbered from 1.") }
    }

    func run() throws {
        let context = try Context()
        let session = try SessionStore(context: context).find(id)
        let events = try SessionEvents(session, after: from - 1, context: context)
        var reader: EventReader?
        var text = EventText(style: .ofStandardOutput()) { _ in nil }
        var heads = ExecutionHeads()
        while case .events(let next) = try events.next() {
            if json {
                var lines: [UInt8] = []
                for event in next {
                    event.append(to: &lines)
                    lines.append(0x0A)
                }
                try StandardOutput.write(lines)
                continue
            }
            let open = try reader ?? EventReader(directory: session.directory)
            if reader == nil { text = EventText(style: text.style) { hash in try? open.content(sha256: hash) } }
            reader = open
            for event in next {
                if let part = WrittenPart(event) {
                    try heads.take(part, from: open)
                    continue
                }
                let further = event.type == .execExited ? heads.finish(EventText.Fields(event.fields) { _ in nil }.text("id")) : []
                if let shown = text.text(event, further: further) { try StandardOutput.write(Array(shown.utf8)) }
            }
        }
    }
}
