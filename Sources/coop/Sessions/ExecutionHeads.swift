import EventLog

/// The first lines of what further commands write, for whoever is told of their ends.
struct ExecutionHeads {
    /// So many lines are kept of each.
    private static let most = 6

    private struct Head {
        var lines = TerminalLines(colors: false)
        var first: [String] = []
        var count = 0

        mutating func add(_ line: [UInt8]) {
            count += 1
            if first.count < ExecutionHeads.most { first.append(EventText.cut(String(decoding: line, as: UTF8.self))) }
        }
    }

    private var heads: [String: Head] = [:]

    /// Takes a part of what a command has written.
    mutating func take(_ part: WrittenPart, from reader: EventReader) throws {
        guard let command = part.command else { return }
        var head = heads[command] ?? Head()
        try part.read(reader) { piece in
            for line in head.lines.take(piece) { head.add(line) }
        }
        heads[command] = head
    }

    /// What is told of a command that has ended: its first lines, and how many follow.
    mutating func finish(_ command: String) -> [String] {
        guard var head = heads.removeValue(forKey: command) else { return [] }
        if let last = head.lines.finish() { head.add(last) }
        return head.first + (head.count > head.first.count ? ["… \(head.count - head.first.count) more lines"] : [])
    }
}
