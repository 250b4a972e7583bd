import CoopErrors
import Glibc
import LinuxKernel

/// One change at a time of what a directory of coop's own holds, over all of the user's processes (flock(2)).
struct DirectoryLock {
    var home: CoopHome
    var directory: String
    /// The lock's name in it. Files of `projects` and `trust` are named by keys, which never start with a dot: `.lock` is none of them.
    var name = ".lock"
    /// What is locked, for the error.
    var what: String

    /// Waits for the others, and runs `body` alone.
    ///
    /// - Throws: `failed` when the directory or the lock cannot be made, and what `body` throws.
    func locked<Result>(_ body: () throws(CoopError) -> Result) throws(CoopError) -> Result {
        try home.prepare(directory)
        let lock: Descriptor
        do {
            lock = try Descriptor.open(FileSystem.join(directory, name), O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            try check("flock", directory) { flock(lock.number, LOCK_EX) }
        } catch {
            throw CoopError(.failed, "cannot lock \(what)", "\(error)", next: "ls -la \(directory.shellQuoted)")
        }
        return try withExtendedLifetime(lock) { () throws(CoopError) in try body() }
    }
}
