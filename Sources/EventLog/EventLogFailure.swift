import CSQLite
import CoopErrors
import Glibc
import LinuxKernel

/// Turns what SQLite and the kernel say into an error for people.
enum EventLogFailure {
    static let what = "cannot write the session's event log"

    /// Whoever writes after the end has not seen it: a session is ended once.
    static let closed = CoopError(.failed, what, "it is closed", next: "coop run   # a session of its own")

    static func error(of handle: OpaquePointer?, code: Int32, path: String, reading: Bool = false) -> CoopError {
        let number = handle.map { sqlite3_system_errno($0) } ?? 0
        let primary = code & 0xFF
        let what = reading ? "cannot read the session's event log" : EventLogFailure.what
        if primary == SQLITE_FULL || number == ENOSPC || number == EDQUOT { return full(path) }
        var why = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
        if primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN, number != 0 { why += ": " + SystemError.text(for: number) }
        return CoopError(.failed, what, "\(path.printable): \(why)", next: "ls -l \(FileSystem.parent(of: path).printable)")
    }

    static func error(_ error: SystemError, path: String) -> CoopError {
        if error.errno == ENOSPC || error.errno == EDQUOT { return full(path) }
        return CoopError(.failed, what, "\(error)", next: "ls -l \(FileSystem.parent(of: path).printable)")
    }

    private static func full(_ path: String) -> CoopError {
        CoopError(
            .failed, what, "\(path.printable): no space is left on its device; what was written before is intact",
            next: "df -h \(FileSystem.parent(of: path).printable)")
    }
}
