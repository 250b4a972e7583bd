import CoopErrors
import LinuxKernel

/// Reads entries back, without verifying them.
public struct AuditReader: Sendable {
    private let directory: String

    /// - Parameter directory: `$COOP_HOME/audit`.
    public init(directory: String) { self.directory = directory }

    /// Calls `body` with each entry that is meant, from the oldest to the newest.
    ///
    /// - Returns: how many lines could not be read: coop did not write them.
    /// - Throws: `CoopError` when the files cannot be read or are open to others, and what `body` throws.
    @discardableResult
    public func read(_ query: AuditQuery, _ body: (AuditRecord) throws(CoopError) -> Void) throws(CoopError) -> Int {
        guard let snapshot = try LogSnapshot(path: directory) else { return 0 }
        if let last = query.last { return try readLast(last, query, snapshot, body) }
        var unreadable = 0
        for file in snapshot.files {
            unreadable += try read(0..<file.size, of: file, query, snapshot, body)
        }
        return unreadable
    }

    private func read(
        _ range: Range<UInt64>, of file: LogSnapshot.File, _ query: AuditQuery, _ snapshot: LogSnapshot,
        _ body: (AuditRecord) throws(CoopError) -> Void
    ) throws(CoopError) -> Int {
        var unreadable = 0
        let end = try LineReader(log: file.log, directory: snapshot.directory).lines(in: range) { bytes, _ throws(CoopError) in
            if let record = AuditRecord(line: bytes) {
                if query.matches(record.entry) { try body(record) }
            } else {
                unreadable += 1
            }
            return true
        }
        if case .partial = end { unreadable += 1 }
        return unreadable
    }

    /// Reads backwards, part by part, until there are enough.
    private func readLast(
        _ count: Int, _ query: AuditQuery, _ snapshot: LogSnapshot, _ body: (AuditRecord) throws(CoopError) -> Void
    ) throws(CoopError) -> Int {
        var parts: [[AuditRecord]] = []
        var found = 0
        var unreadable = 0
        for file in snapshot.files.reversed() {
            let reader = LineReader(log: file.log, directory: snapshot.directory)
            var end = file.size
            var size: UInt64 = 64 << 10
            while end > 0, found < count {
                let start = try reader.beginning(after: end > size ? end - size : 0, end: end)
                size *= 2
                // No line begins in it: look further back.
                guard start < end else {
                    if size > 2 * end { break }
                    continue
                }
                var part: [AuditRecord] = []
                unreadable += try read(start..<end, of: file, query, snapshot) { part.append($0) }
                found += part.count
                parts.append(part)
                end = start
                size = min(size, 8 << 20)
            }
            if found >= count { break }
        }
        for record in parts.reversed().joined().suffix(max(0, count)) { try body(record) }
        return unreadable
    }
}
