import CoopErrors
import Glibc
import LinuxKernel

/// flock(2): the kernel takes the lock back when the process ends, in whatever way.
enum FileLock {
    /// Calls `body` while the lock is held.
    ///
    /// - Parameter kind: `LOCK_EX` or `LOCK_SH`.
    static func held<Result>(
        on file: Descriptor, _ kind: Int32, _ path: String, _ body: () throws(CoopError) -> Result
    ) throws(CoopError) -> Result {
        do {
            try check("flock", path) { flock(file.number, kind) }
        } catch {
            throw AuditFailure.system("cannot lock the audit log", error, directory: FileSystem.parent(of: path))
        }
        defer { _ = flock(file.number, LOCK_UN) }
        return try body()
    }
}
