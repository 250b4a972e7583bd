import CSQLite
import CoopErrors

/// A prepared statement of a database.
final class Statement {
    private let handle: OpaquePointer
    private let database: Database

    init(_ handle: OpaquePointer, of database: Database) {
        self.handle = handle
        self.database = database
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

    /// Runs a statement whose one parameter after the numbered ones is `bytes`, which need to live only for the call.
    func run(binding index: Int32, _ bytes: UnsafeRawBufferPointer, asText: Bool = false) throws(CoopError) {
        bind(index, bytes, asText: asText)
        try run()
    }

    /// The bytes must live until the statement has run.
    func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer, asText: Bool = false) {
        let count = Int32(clamping: bytes.count)
        if asText {
            coop_sqlite_bind_text(handle, index, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count)
        } else {
            coop_sqlite_bind_bytes(handle, index, bytes.baseAddress, count)
        }
    }

    /// Whether there is a row.
    func step() throws(CoopError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw database.error(code)
        }
    }

    /// Runs to the end and makes it ready for the next time.
    func run() throws(CoopError) {
        defer { sqlite3_reset(handle) }
        while try step() {}
    }

    func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))), as: UTF8.self)
    }
}
