import CoopErrors
import Glibc
import LinuxKernel

/// The files of a log, open for writing: one batch after the other, each whole or not at all.
final class EventStore {
    private let files: EventLogFiles
    private let database: Database
    private let insert: Statement
    private let insertContent: Statement
    private let begin: Statement
    private let commitStatement: Statement
    private let terminal: ByteFile
    /// What further commands have written; nil while there is nothing.
    private var executions: ByteFile?
    private let tip: Descriptor
    private var isSynchronous = true
    /// The number of the last event on the disk; zero in a new log.
    private(set) var last: UInt64

    /// The format of the database.
    private static let version: Int64 = 1

    /// Opens a log, makes it when there is none, and repairs what a killed writer has left half done.
    ///
    /// - Parameter isNew: whether the directory is known to hold no log.
    init(_ files: EventLogFiles, isNew: Bool) throws(CoopError) {
        self.files = files
        // SQLite would make it readable for everybody; what it makes beside it gets the same mode.
        do { _ = try Descriptor.open(files.database, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600) } catch {
            throw EventLogFailure.error(error, path: files.database)
        }
        database = try Database(path: files.database, reading: false)
        try database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=8388608; PRAGMA foreign_keys=OFF")
        let found = try database.number("PRAGMA user_version")
        if found == 0 {
            try database.execute(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS events(
                    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, fields TEXT NOT NULL) STRICT;
                CREATE TABLE IF NOT EXISTS contents(sha256 BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
                PRAGMA application_id=\(0x636F_6F70);
                PRAGMA user_version=\(EventStore.version);
                COMMIT
                """)
        } else if found != EventStore.version {
            throw CoopError(
                .failed, EventLogFailure.what, "\(files.database.printable) has version \(found), this coop writes \(EventStore.version)",
                next: "coop version")
        }
        insert = try database.prepare("INSERT INTO events(seq, at, type, fields) VALUES(?1, ?2, ?3, ?4)")
        insertContent = try database.prepare("INSERT OR IGNORE INTO contents(sha256, bytes) VALUES(?1, ?2)")
        begin = try database.prepare("BEGIN IMMEDIATE")
        commitStatement = try database.prepare("COMMIT")
        last = isNew ? 0 : UInt64(try database.number("SELECT max(seq) FROM events"))
        terminal = try ByteFile(files.terminal)
        do {
            tip = try Descriptor.open(files.tip, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            let reserve = try Descriptor.open(files.reserve, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            // Only a comfort: where it cannot be had the log does without.
            _ = posix_fallocate(reserve.number, 0, 256 << 10)
        } catch {
            throw EventLogFailure.error(error, path: files.directory)
        }
        if !isNew { try recover() }
        try announce()
    }

    /// What a killed writer has left: bytes of the terminal that no event knows become an event; bytes that a power loss has
    /// taken become NULs, which a terminal ignores. Bytes that no event gives to a further command are nobody's.
    private func recover() throws(CoopError) {
        if FileSystem.kind(files.executions) == .file {
            let file = try ByteFile(files.executions)
            if try file.recover(known: end(of: .execOutput)) > 0 { file.discard() }
            executions = file
        }
        let unknown = try terminal.recover(known: end(of: .terminal))
        guard unknown > 0 else { return }
        var fields = EventFields()
        fields.put("offset", terminal.end)
        fields.put("bytes", unknown)
        var batch = EventBatch(after: last)
        _ = batch.add(.terminal, fields, at: .now())
        let end = terminal.end + unknown
        try commit(batch)
        terminal.advance(to: end)
    }

    /// Where the bytes end that events of this type know.
    private func end(of type: EventType) throws(CoopError) -> Int64 {
        try database.number(
            """
            SELECT json_extract(fields, '$.offset') + json_extract(fields, '$.bytes') FROM events WHERE type = '\(type.rawValue)'
            ORDER BY seq DESC LIMIT 1
            """)
    }

    /// Writes a batch; afterwards it survives the death of every process, and a power loss if it holds more than terminal bytes.
    func commit(_ batch: EventBatch) throws(CoopError) {
        if executions == nil, !batch.written.isEmpty { executions = try ByteFile(files.executions) }
        var offset = terminal.end
        var written = executions?.end ?? 0
        try terminal.write(batch.terminal)
        do throws(CoopError) { try executions?.write(batch.written) } catch {
            terminal.discard()
            throw error
        }
        let isUrgent = batch.isUrgent
        if isUrgent != isSynchronous {
            try database.execute(isUrgent ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL")
            isSynchronous = isUrgent
        }
        if isUrgent {
            try terminal.synchronize()
            try executions?.synchronize()
        }
        try begin.run()
        do throws(CoopError) {
            for content in batch.contents { try put(content) }
            for entry in batch.entries {
                switch entry.payload {
                case .fields(let fields): try put(entry, fields)
                case .terminal(let count):
                    try put(entry, Array("{\"offset\":\(offset),\"bytes\":\(count)}".utf8))
                    offset += Int64(count)
                case .written(let command, let count):
                    try put(entry, Array("{\"id\":\"\(command)\",\"offset\":\(written),\"bytes\":\(count)}".utf8))
                    written += Int64(count)
                }
            }
            try commitStatement.run()
        } catch {
            // It fails when SQLite has rolled back by itself, as it does when the disk is full.
            try? database.execute("ROLLBACK")
            terminal.discard()
            executions?.discard()
            throw error
        }
        terminal.advance(to: offset)
        executions?.advance(to: written)
        last = batch.last
        try announce()
    }

    /// Ends a log that cannot be written any more with the reason, in the space kept for it. The numbers of what was lost are
    /// given anew: no reader has seen them.
    func conclude(_ failure: CoopError) {
        // Whoever writes is told the failure itself; that the log does not say it as well, where not even that can be written, changes
        // nothing for them.
        try? FileSystem.removeFile(files.reserve)
        var fields = EventFields()
        fields.put("reason", failure.message)
        if let next = failure.next { fields.put("next", next) }
        var batch = EventBatch(after: last)
        _ = batch.add(.failed, fields, at: .now())
        try? commit(batch)
    }

    /// Puts everything into the one database file, as it stays when the session is over.
    func close() throws(CoopError) {
        // What cannot be removed is only a little space.
        try? FileSystem.removeFile(files.reserve)
        try terminal.synchronize()
        try executions?.synchronize()
        // A reader that is just reading keeps the write-ahead log for the next who opens the database; nothing is lost.
        _ = try database.number("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    private func put(_ entry: EventBatch.Entry, _ fields: [UInt8]) throws(CoopError) {
        insert.bind(1, Int64(entry.sequence))
        insert.bind(2, entry.time.microseconds)
        var type = entry.type.rawValue
        let result: Result<Void, CoopError> = type.withUTF8 { name in
            fields.withUnsafeBytes { bytes in
                insert.bind(3, UnsafeRawBufferPointer(name), asText: true)
                insert.bind(4, bytes, asText: true)
                do throws(CoopError) { return .success(try insert.run()) } catch { return .failure(error) }
            }
        }
        try result.get()
    }

    private func put(_ content: EventFields.Content) throws(CoopError) {
        let result: Result<Void, CoopError> = content.digest.withUnsafeBytes { digest in
            content.bytes.withUnsafeBytes { bytes in
                insertContent.bind(1, digest)
                insertContent.bind(2, bytes)
                do throws(CoopError) { return .success(try insertContent.run()) } catch { return .failure(error) }
            }
        }
        try result.get()
    }

    /// Tells waiting readers.
    private func announce() throws(CoopError) {
        var number = last.littleEndian
        do { try check("pwrite", files.tip) { pwrite(tip.number, &number, 8, 0) } } catch {
            throw EventLogFailure.error(error, path: files.tip)
        }
    }
}
