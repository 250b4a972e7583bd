import EventLog
import Glibc
import LinuxKernel
import Vault

/// An event for a person: when, what, and the text of it, a line or a block. What is drawn on a terminal, and what only a program wants to know, is
/// left out.
struct EventText {
    private static let indent = 20
    /// So many lines of a result are shown.
    private static let mostLines = 6
    /// So many characters of one line are.
    private static let longest = 200

    let style: TextStyle
    /// A text that an event names by its hash.
    let content: (_ sha256: String) -> [UInt8]?

    /// What is shown of an event; nil for nothing.
    ///
    /// - Parameter further: lines that belong to it and stand elsewhere.
    func text(_ event: Event, further: [String] = []) -> String? {
        guard var part = part(event.type, Fields(event.fields, content: content)) else { return nil }
        part.lines += further
        // Nothing that a terminal would obey.
        let lines = part.lines.flatMap { EventText.lines(of: $0) }.map(\.printable)
        guard let first = lines.first else { return nil }
        let name = part.label.printable
        let label = name + String(repeating: " ", count: max(1, EventText.indent - 10 - name.count))
        var result = style(.dim, EventText.clock(event.time)) + "  " + style(part.color ?? .bold, label)
        let color = part.isWhole ? part.color : nil
        result += style(color, first) + "\n"
        for line in lines.dropFirst() { result += String(repeating: " ", count: EventText.indent) + style(color, line) + "\n" }
        return result
    }

    struct Part {
        var label: String
        var lines: [String]
        var color: TextStyle.Color?
        /// Whether the text has the colour too.
        var isWhole = false
    }

    /// One that is not known is passed over.
    private func part(_ type: EventType, _ fields: Fields) -> Part? {
        session(type, fields) ?? agent(type, fields) ?? sandbox(type, fields)
    }

    private func session(_ type: EventType, _ fields: Fields) -> Part? {
        switch type {
        case .started:
            let words = fields.list("command").joined(separator: " ")
            return Part(label: "started", lines: [EventText.cut(words.isEmpty ? fields.text("agent") : words)])
        case .state: return Part(label: "state", lines: [fields.text("state")], color: .dim, isWhole: true)
        case .exited:
            if let signal = fields.number("signal") { return Part(label: "exited", lines: ["by signal \(signal)"], color: .red) }
            let code = fields.number("code") ?? 0
            return Part(label: "exited", lines: ["with \(code)"], color: code == 0 ? .green : .red)
        case .failed:
            let next = fields.text("next")
            return Part(label: "failed", lines: [fields.text("reason")] + (next.isEmpty ? [] : ["Next: \(next)"]), color: .red)
        case .orphaned: return Part(label: "orphaned", lines: ["its supervisor was killed"], color: .red)
        case .input: return Part(label: "input", lines: [EventText.cut(fields.text("text"))], color: .cyan)
        case .attached, .detached:
            return Part(
                label: type.rawValue, lines: [fields.text("by") + (fields.flag("readonly") ? " (only looks)" : "")], color: .dim,
                isWhole: true)
        default: return nil
        }
    }

    private func agent(_ type: EventType, _ fields: Fields) -> Part? {
        switch type {
        case .message:
            let role = fields.text("role")
            return Part(
                label: role.isEmpty ? "message" : EventText.cut(role, 9), lines: [fields.text("text")],
                color: role == "user" ? .cyan : .green)
        case .thinking: return Part(label: "thinking", lines: EventText.beginning(fields.text("text")), color: .dim, isWhole: true)
        case .toolCall: return Part(label: "tool", lines: [EventText.cut(fields.call)], color: .blue)
        case .toolResult:
            return Part(
                label: fields.flag("error") ? "failed" : "result", lines: EventText.beginning(fields.text("text")),
                color: fields.flag("error") ? .red : .dim, isWhole: true)
        case .todos: return Part(label: "todos", lines: fields.todos)
        case .usage: return Part(label: "usage", lines: [fields.usage], color: .dim, isWhole: true)
        case .permission:
            return Part(
                label: "asks",
                lines: [EventText.cut([fields.text("tool"), fields.text("text")].filter { !$0.isEmpty }.joined(separator: ": "))],
                color: .yellow, isWhole: true)
        case .attention:
            let text = fields.text("text")
            return Part(
                label: "waits", lines: [EventText.cut(fields.text("reason") + (text.isEmpty ? "" : ": " + text))], color: .yellow,
                isWhole: true)
        case .error: return Part(label: "error", lines: [fields.text("text")], color: .red, isWhole: true)
        case .raw: return Part(label: "raw", lines: [EventText.cut(fields.text("line"))], color: .dim, isWhole: true)
        default: return nil
        }
    }

    private func sandbox(_ type: EventType, _ fields: Fields) -> Part? {
        switch type {
        case .egress: return egress(fields)
        case .file: return Part(label: "file", lines: ["\(fields.text("change")) \(fields.text("path"))"], color: .dim, isWhole: true)
        case .exec:
            return Part(
                label: "exec", lines: ["\(fields.text("id")) " + EventText.cut(fields.list("command").joined(separator: " "))], color: .blue
            )
        case .execExited: return Part(label: "exec", lines: ["\(fields.text("id")) ended with \(fields.number("code") ?? 0)"], color: .dim)
        default: return nil
        }
    }

    /// What passes is too much to read; the audit log has it.
    private func egress(_ fields: Fields) -> Part? {
        let verdict = fields.text("verdict")
        guard !["allow", "inspect", "inject"].contains(verdict) else { return nil }
        var line = "\(verdict) \(fields.text("host"))" + (fields.number("port").map { ":\($0)" } ?? "")
        let rule = fields.text("rule")
        if !rule.isEmpty { line += " by \(rule)" }
        for detail in [fields.text("reason"), fields.text("detail")] where !detail.isEmpty { line += " (\(detail))" }
        return Part(label: "network", lines: [line], color: verdict == "ask" ? .yellow : .red)
    }

    // MARK: - Text

    /// One line, shortened; line ends are shown as what they are.
    static func cut(_ text: String, _ most: Int = longest) -> String {
        // By bytes first: a text may be megabytes.
        let head = text.utf8.count > 8 * most ? String(decoding: text.utf8.prefix(8 * most), as: UTF8.self) : text
        let line = lines(of: head).joined(separator: " ⏎ ")
        return line.count <= most && head.utf8.count == text.utf8.count ? line : String(line.prefix(most)) + "…"
    }

    /// The first lines, and how many follow.
    static func beginning(_ text: String) -> [String] {
        let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        let whole = lines.last?.isEmpty ?? false ? lines.dropLast() : lines[...]
        var shown = whole.prefix(mostLines).map { cut(String(decoding: $0, as: UTF8.self)) }
        if whole.count > mostLines { shown.append("… \(whole.count - mostLines) more lines") }
        return shown
    }

    /// The lines of a text. By bytes: to Swift CR LF is one character.
    private static func lines(of text: String) -> [String] {
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            var scalars = String.UnicodeScalarView()
            for scalar in String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self).unicodeScalars {
                if scalar == "\t" { scalars.append(contentsOf: "    ".unicodeScalars) } else { scalars.append(scalar) }
            }
            return String(scalars)
        }
    }

    /// The time of day, of whoever reads it.
    private static func clock(_ time: EventTime) -> String {
        var seconds = time_t(time.microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
