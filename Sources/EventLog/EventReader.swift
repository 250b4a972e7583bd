import CoopErrors
import Glibc
import LinuxKernel

/// Reads a session's log from any process, beside its writer or after it. Used by one thread at a time.
public final class EventReader {
    private let files: EventLogFiles
    let database: Database
    private let select: Statement

    /// - Throws: `not-ready` while the log does not exist yet.
    public init(directory: String) throws(CoopError) {
        files = EventLogFiles(directory: directory)
        // The tip is made once the database has its tables.
        guard FileSystem.kind(files.tip) == .file else {
            throw CoopError(.notReady, "cannot read the session's event log", "\(directory.printable) has none yet", next: "coop ps")
        }
        database = try Database(path: files.database, reading: true)
        select = try database.prepare("SELECT seq, at, type, fields FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
    }

    /// Events after a cursor, in order. An empty answer means that there is no later one yet.
    ///
    /// - Parameters:
    ///   - cursor: the number of the last event that is known; zero for all.
    ///   - limit: how many at most. Between two calls nothing is locked, so a slow reader holds up nobody.
    public func events(after cursor: UInt64, limit: Int = 1024) throws(CoopError) -> [Event] {
        var result: [Event] = []
        result.reserveCapacity(min(limit, 1024))
        select.bind(1, Int64(clamping: cursor))
        select.bind(2, Int64(limit))
        defer { select.reset() }
        while try select.step() {
            result.append(EventReader.event(of: select))
        }
        return result
    }

    /// The event of a row: number, time, type and fields.
    static func event(of row: Statement) -> Event {
        Event(
            sequence: UInt64(row.integer(0)), time: EventTime(microseconds: row.integer(1)), type: EventType(rawValue: row.text(2)),
            fields: row.bytes(3))
    }

    /// The number of the last event; zero in an empty log.
    public func last() throws(CoopError) -> UInt64 { UInt64(try database.number("SELECT max(seq) FROM events")) }

    /// The last event of one of these types; nil when there is none.
    public func last(of types: [EventType]) throws(CoopError) -> Event? {
        let names = types.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let statement = try database.prepare("SELECT seq, at, type, fields FROM events WHERE type IN (\(names)) ORDER BY seq DESC LIMIT 1")
        guard try statement.step() else { return nil }
        return EventReader.event(of: statement)
    }

    /// A content that an event names by its hash; nil when there is none.
    public func content(sha256: String) throws(CoopError) -> [UInt8]? {
        guard let digest = ContentHash.digest(named: sha256) else { return nil }
        let statement = try database.prepare("SELECT bytes FROM contents WHERE sha256 = ?1")
        let result: Result<[UInt8]?, CoopError> = digest.withUnsafeBytes { bytes in
            statement.bind(1, bytes)
            do throws(CoopError) { return .success(try statement.step() ? statement.bytes(0) : nil) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// A part of what the terminal received; shorter at the end of what is there.
    public func terminal(offset: Int64, count: Int) throws(CoopError) -> [UInt8] {
        try read(files.terminal, "the session's terminal", offset, count)
    }

    /// A part of what further commands have written; shorter at the end of what is there.
    public func executions(offset: Int64, count: Int) throws(CoopError) -> [UInt8] {
        try read(files.executions, "what the session's further commands have written", offset, count)
    }

    private func read(_ path: String, _ what: String, _ offset: Int64, _ count: Int) throws(CoopError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: max(0, count))
        var done = 0
        do {
            let file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
            while done < result.count {
                let piece = try check("pread", path) {
                    result.withUnsafeMutableBytes { raw in
                        pread(file.number, raw.baseAddress.map { $0 + done }, raw.count - done, off_t(offset) + off_t(done))
                    }
                }
                if piece == 0 { break }
                done += piece
            }
        } catch {
            throw CoopError(.failed, "cannot read \(what)", "\(error)", next: "ls -l \(files.directory.printable)")
        }
        return Array(result.prefix(done))
    }

    /// Checks a log: the database is sound, and the numbers are 1, 2, 3, … without a gap.
    public func verify() throws(CoopError) {
        let check = try database.prepare("PRAGMA integrity_check(1)")
        if try check.step(), check.text(0) != "ok" { throw damage(check.text(0)) }
        let count = try database.number("SELECT count(*) FROM events")
        let last = try database.number("SELECT max(seq) FROM events")
        let first = try database.number("SELECT min(seq) FROM events")
        if count != last || count > 0 && first != 1 { throw damage("\(count) events, numbered \(first) to \(last)") }
    }

    private func damage(_ why: String) -> CoopError {
        CoopError(
            .failed, "the session's event log is damaged", "\(files.database.printable): \(why)",
            next: "sqlite3 \(files.database.printable) 'PRAGMA integrity_check'")
    }
}
