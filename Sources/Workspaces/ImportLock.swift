import CoopErrors
import Glibc
import LinuxKernel

/// One import at a time of one session: that beside it, that at its end, and what the user begins later with what was kept.
final class ImportLock {
    private let path: String
    private let file: Descriptor

    /// Waits for the lock; it is released when the value goes away, or the process ends in whatever way (flock(2)).
    init(of session: String, in stateDirectory: String) throws(SystemError) {
        path = FileSystem.join(stateDirectory, "import-\(session).lock")
        while true {
            let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            while flock(file.number, LOCK_EX) != 0 { if errno != EINTR { throw SystemError("flock", path) } }
            var held = stat()
            try check("fstat", path) { fstat(file.number, &held) }
            // Whoever had it has removed it with its name.
            if let named = try FileSystem.status(path, followLinks: false), named.st_ino == held.st_ino, named.st_dev == held.st_dev {
                self.file = file
                return
            }
        }
    }

    deinit {
        // One that stays is empty, and the session's next import removes it.
        try? FileSystem.removeFile(path)
    }
}
