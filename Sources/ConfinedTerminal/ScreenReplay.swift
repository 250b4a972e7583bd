import CoopErrors
import EventLog
import Glibc

/// Brings a worker to show what a session's terminal showed when it had received so many bytes: from the last checkpoint in the
/// log, or else from the beginning, but never more than the last 8 MiB.
public struct ScreenReplay {
    /// So many bytes are read at most.
    static let most: Int64 = 8 << 20
    /// The size of a terminal whose log names none.
    private static let usualSize = ScreenSize(rows: 24, columns: 80)

    private let reader: EventReader

    /// - Parameter directory: the session's, with its log.
    public init(directory: String) throws(CoopError) { reader = try EventReader(directory: directory) }

    /// Feeds a worker, whatever it showed before.
    ///
    /// - Parameters:
    ///   - end: how many bytes the terminal had received; nil for all that the log knows.
    ///   - scrollback: how many lines above the screen are kept.
    /// - Returns: how many the worker has seen up to: less than `end` where the log does not know them yet.
    @discardableResult
    public func feed(_ worker: TerminalWorker, upTo end: Int64? = nil, scrollback: Int = 2000) throws(CoopError) -> Int64 {
        let end = if let end { end } else { try reader.terminalEnd() }
        let checkpoint = try reader.checkpoint(before: end)
        var cursor = checkpoint?.sequence ?? 0
        var position = checkpoint?.offset ?? 0
        let size = checkpoint?.size ?? ScreenReplay.usualSize
        try worker.begin(rows: size.rows, columns: size.columns, scrollback: scrollback)
        if let checkpoint { try worker.feed(checkpoint.snapshot) }
        if end - position > ScreenReplay.most {
            position = end - ScreenReplay.most
            cursor = try max(cursor, max(1, reader.sequence(ofTerminal: position)) - 1)
            if let size = try reader.size(before: cursor + 1) { try worker.resize(rows: size.rows, columns: size.columns) }
            position = try skipToText(from: position, end)
        }
        return try feed(worker, after: cursor, from: position, upTo: end)
    }

    private func feed(_ worker: TerminalWorker, after start: UInt64, from first: Int64, upTo end: Int64) throws(CoopError) -> Int64 {
        var cursor = start
        var position = first
        while true {
            let changes = try reader.screenChanges(after: cursor, limit: 1024)
            guard let last = changes.last else { return position }
            for change in changes {
                switch change.kind {
                case .resized(let size): try worker.resize(rows: size.rows, columns: size.columns)
                case .bytes(let offset, let count):
                    if offset >= end { return position }
                    position = try feed(worker, from: max(position, offset), upTo: min(offset + count, end))
                    if offset + count > end { return position }
                }
            }
            cursor = last.sequence
        }
    }

    private func feed(_ worker: TerminalWorker, from start: Int64, upTo end: Int64) throws(CoopError) -> Int64 {
        var position = start
        while position < end {
            let piece = try reader.terminal(offset: position, count: Int(min(end - position, 1 << 20)))
            if piece.isEmpty { break }
            try worker.feed(piece)
            position += Int64(piece.count)
        }
        return max(position, start)
    }

    /// In the middle of what a program wrote: up to where a line or a sequence begins, so that half of one is not shown.
    private func skipToText(from position: Int64, _ end: Int64) throws(CoopError) -> Int64 {
        let piece = try reader.terminal(offset: position, count: Int(min(4096, end - position)))
        return position + Int64(piece.firstIndex { $0 == 0x1B || $0 == 0x0A } ?? 0)
    }
}
