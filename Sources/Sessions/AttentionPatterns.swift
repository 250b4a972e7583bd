/// What an agent's terminal shows while it waits for a person: parts of single rows, as they are written.
public struct AttentionPatterns: Sendable, Equatable {
    /// What it waits for.
    public enum Reason: String, Sendable { case permission, question }

    private let permission: [String]
    private let question: [String]
    private let rows: Int

    /// - Parameter rows: how many rows are looked at, counted from the last one that is not blank.
    public init(permission: [String], question: [String], rows: Int) {
        self.permission = permission
        self.question = question
        self.rows = rows
    }

    /// Whether there is anything to look for.
    public var isEmpty: Bool { permission.isEmpty && question.isEmpty }

    /// What a screen shows, with the row that says it; nil when nothing fits. The rows are hostile, and so is the one that is returned.
    ///
    /// - Parameter screen: its rows from the top.
    func find(in screen: [String]) -> (reason: Reason, row: String)? {
        let end = screen.lastIndex { $0.contains { $0 != " " } }.map { $0 + 1 } ?? 0
        // The lowest row counts: what stands above it may have been answered already.
        for row in screen[..<end].suffix(rows).reversed() {
            if permission.contains(where: row.contains) { return (.permission, row) }
            if question.contains(where: row.contains) { return (.question, row) }
        }
        return nil
    }
}
