import CSQLite
import CoopErrors
import LinuxKernel

/// A connection to one database file (sqlite.org/c3ref), used by one thread at a time.
final class Database {
    private let handle: OpaquePointer
    let path: String
    private let isReader: Bool

    /// - Parameter reading: the file must exist and is never written; else it is made.
    init(path: String, reading: Bool) throws(CoopError) {
        var opened: OpaquePointer?
        let flags = reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        // One thread at a time uses it: SQLite need not lock.
        let code = path.withOSBytes { sqlite3_open_v2($0, &opened, flags | SQLITE_OPEN_NOMUTEX, nil) }
        guard code == SQLITE_OK, let opened else {
            let error = EventLogFailure.error(of: opened, code: code, path: path, reading: reading)
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        self.path = path
        isReader = reading
        sqlite3_extended_result_codes(handle, 1)
        // A reader meets a lock only while somebody recovers the log of a killed writer, which is a matter of milliseconds.
        sqlite3_busy_timeout(handle, 10_000)
    }

    deinit { sqlite3_close_v2(handle) }

    func execute(_ text: String) throws(CoopError) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        if code != SQLITE_OK { throw error(code) }
    }

    func prepare(_ text: String) throws(CoopError) -> Statement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code) }
        return Statement(statement, of: self)
    }

    /// The first column of the first row, as a number; zero when there is none.
    func number(_ text: String) throws(CoopError) -> Int64 {
        let statement = try prepare(text)
        return try statement.step() ? statement.integer(0) : 0
    }

    func error(_ code: Int32) -> CoopError { EventLogFailure.error(of: handle, code: code, path: path, reading: isReader) }
}
