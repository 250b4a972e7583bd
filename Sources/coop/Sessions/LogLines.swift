import CoopErrors
import EventLog
import LinuxKernel
import Sessions
import Vault

/// The lines that a session has written: on its terminal, in its agent's structured stream, and by further commands.
struct LogLines {
    struct Line {
        var time: EventTime
        /// Where it stood: `terminal`, `exec`, or the type of an event.
        var source: String
        /// Of a further command: its number in the session.
        var command: String?
        /// Safe for a terminal, without a line end.
        var text: [UInt8]

        /// - Parameter labels: whether it begins with the number of its command.
        func bytes(json: Bool, labels: Bool) -> [UInt8] {
            let label = labels ? command.map { "[\($0.printable)] " } ?? "" : ""
            guard json else { return label.utf8 + text + [0x0A] }
            var value = JSONValue(["version": .number("1"), "at": .string(time.description), "source": .string(source)])
            if let command { value["id"] = .string(command) }
            value["text"] = .string(String(decoding: text, as: UTF8.self))
            return Array(value.text().utf8) + [0x0A]
        }
    }

    /// The number of the last event that was looked at.
    private(set) var cursor: UInt64 = 0
    private let directory: String
    /// Nil as long as there is no log: the session is just starting.
    private var reader: EventReader?
    private let last: Int?
    /// Whether more will be asked for: the terminal's last line may still be written on.
    private let follows: Bool
    private var terminal: TerminalLines
    /// What further commands have on their last lines.
    private var executions: [String: TerminalLines] = [:]
    private let colors: Bool
    private var time = EventTime(microseconds: 0)
    /// The further command whose lines alone are wanted; nil for everything.
    private let command: String?

    /// - Parameters:
    ///   - last: how many of the lines that are there are wanted; nil for all.
    ///   - command: the number of the further command whose lines alone are wanted.
    init(_ session: StoredSession, colors: Bool, last: Int?, follows: Bool, command: String? = nil) {
        self.command = command
        directory = session.directory
        self.colors = colors
        self.last = last
        self.follows = follows
        terminal = TerminalLines(colors: colors)
    }

    /// Hands out the lines that are there already.
    mutating func existing(_ each: ([Line]) throws -> Void) throws {
        do { reader = try EventReader(directory: directory) } catch {
            guard error.code == .notReady else { throw error }
            return
        }
        guard let reader else { return }
        guard let last else { return try read(reader, after: 0, each) }
        // Where one command stands in the terminal's bytes nobody knows.
        if command != nil { return try each(try newest(last, reader, after: 0)) }
        // The end of a long log is enough, if it holds so many lines.
        let end = try reader.terminalEnd()
        var part: Int64 = 1 << 20
        while part < end {
            let start = try reader.sequence(ofTerminal: end - part)
            let lines = try newest(last, reader, after: max(1, start) - 1)
            if lines.count == last { return try each(lines) }
            part *= 8
        }
        try each(try newest(last, reader, after: 0))
    }

    /// The last lines of what follows an event.
    private mutating func newest(_ count: Int, _ reader: EventReader, after start: UInt64) throws -> [Line] {
        var lines: [Line] = []
        try read(reader, after: start) { piece in
            lines += piece
            if lines.count > 2 * count + 4096 { lines.removeFirst(lines.count - count) }
        }
        return Array(lines.suffix(count))
    }

    private mutating func read(_ reader: EventReader, after start: UInt64, _ each: ([Line]) throws -> Void) throws {
        terminal = TerminalLines(colors: colors)
        executions = [:]
        cursor = start
        while true {
            let events = try reader.events(after: cursor, limit: 256)
            if events.isEmpty { break }
            try take(events, each)
        }
        if !follows { try each(finish()) }
    }

    /// Hands out the lines that further events complete.
    mutating func take(_ events: [Event], _ each: ([Line]) throws -> Void) throws {
        if reader == nil { reader = try EventReader(directory: directory) }
        for event in events {
            cursor = event.sequence
            time = event.time
            switch event.type {
            case .terminal: if command == nil { try takeTerminal(event, each) }
            case .execOutput: try takeExecution(event, each)
            case .execExited: try each(finish(EventText.Fields(event.fields) { _ in nil }.text("id")))
            default: if command == nil { try takeAgent(event, each) }
            }
        }
    }

    /// What stands on the last lines.
    mutating func finish() -> [Line] {
        let written = executions.keys.sorted().flatMap { finish($0) }
        return written + (terminal.finish().map { [Line(time: time, source: "terminal", text: $0)] } ?? [])
    }

    /// What stands on the last line of a further command.
    private mutating func finish(_ command: String) -> [Line] {
        guard var lines = executions.removeValue(forKey: command), let last = lines.finish() else { return [] }
        return [Line(time: time, source: "exec", command: command, text: last)]
    }

    private mutating func takeExecution(_ event: Event, _ each: ([Line]) throws -> Void) throws {
        guard let part = WrittenPart(event), let command = part.command, let reader, self.command ?? command == command else { return }
        var lines = executions[command] ?? TerminalLines(colors: colors)
        try part.read(reader) { piece in
            try each(lines.take(piece).map { Line(time: event.time, source: "exec", command: command, text: $0) })
        }
        executions[command] = lines
    }

    private mutating func takeTerminal(_ event: Event, _ each: ([Line]) throws -> Void) throws {
        guard let reader else { return }
        try WrittenPart(event)?.read(reader) { piece in
            try each(terminal.take(piece).map { Line(time: event.time, source: "terminal", text: $0) })
        }
    }

    private func takeAgent(_ event: Event, _ each: ([Line]) throws -> Void) throws {
        let fields = EventText.Fields(event.fields) { [reader] hash in (try? reader?.content(sha256: hash)) ?? nil }
        let text: String
        switch event.type {
        case .message: text = (fields.text("role") == "user" ? "> " : "") + fields.text("text")
        case .error: text = "error: " + fields.text("text")
        case .raw: text = fields.text("line")
        default: return
        }
        var written = TerminalLines(colors: false)
        let all = written.take(text.utf8) + (written.finish().map { [$0] } ?? [])
        try each(all.map { Line(time: event.time, source: event.type.rawValue, text: $0) })
    }
}
