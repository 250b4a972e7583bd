import CoopErrors
import EventLog
import LinuxKernel
import Sessions
import Vault

/// The lines that a session has written: on its terminal, and in its agent's structured stream.
struct LogLines {
    struct Line {
        var time: EventTime
        /// Where it stood: `terminal`, or the type of an event.
        var source: String
        /// Safe for a terminal, without a line end.
        var text: [UInt8]

        func bytes(json: Bool) -> [UInt8] {
            guard json else { return text + [0x0A] }
            let value = JSONValue([
                "version": .number("1"), "at": .string(time.description), "source": .string(source),
                "text": .string(String(decoding: text, as: UTF8.self)),
            ])
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
    private let colors: Bool
    private var time = EventTime(microseconds: 0)

    /// - Parameter last: how many of the lines that are there are wanted; nil for all.
    init(_ session: StoredSession, colors: Bool, last: Int?, follows: Bool) {
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
        guard let last else {
            try read(reader, after: 0, each)
            return
        }
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
            if event.type == .terminal { try takeTerminal(event, each) } else { try takeAgent(event, each) }
        }
    }

    /// What stands on the terminal's last line.
    mutating func finish() -> [Line] { terminal.finish().map { [Line(time: time, source: "terminal", text: $0)] } ?? [] }

    private mutating func takeTerminal(_ event: Event, _ each: ([Line]) throws -> Void) throws {
        let fields = EventText.Fields(event.fields) { _ in nil }
        guard let reader, var place = fields.number("offset"), let count = fields.number("bytes") else { return }
        let end = place + count
        while place < end {
            let piece = try reader.terminal(offset: place, count: Int(min(end - place, 1 << 20)))
            if piece.isEmpty { return }
            place += Int64(piece.count)
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
