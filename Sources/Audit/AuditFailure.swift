import CoopErrors
import Glibc
import LinuxKernel

/// The errors of the log, each with what to do.
enum AuditFailure {
    /// A call that failed on one of the log's files.
    static func system(_ what: String, _ error: SystemError, directory: String) -> CoopError {
        let next: String
        switch error.errno {
        case ENOSPC, EDQUOT: next = "df -h \(quoted(directory))"
        case EFBIG: next = "ulimit -f unlimited"
        case EROFS: next = "findmnt -T \(quoted(directory))"
        default: next = "ls -la \(quoted(directory))"
        }
        return CoopError(.failed, what, "\(error)", next: next)
    }

    static func writing(_ error: SystemError, directory: String) -> CoopError {
        system("cannot write the audit log", error, directory: directory)
    }

    /// A file that is not what coop has made.
    static func unsafe(_ path: String, _ why: String, next: String) -> CoopError {
        CoopError(.configuration, "cannot use the audit log", "\(path.printable) \(why)", next: next)
    }

    /// The log is not as coop left it. It is kept as it is, and nothing more is written to it.
    static func altered(_ why: String) -> CoopError {
        CoopError(.failed, "the audit log is not as coop left it", why, next: "coop audit verify")
    }

    /// The directory or a file of it was taken away while it was in use.
    static func replaced(_ path: String) -> CoopError {
        CoopError(
            .failed, "cannot write the audit log", "\(path.printable) was removed or replaced while it was in use",
            next: "ls -la \(quoted(FileSystem.parent(of: path)))")
    }

    /// A path as one word of a shell command line.
    static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A || "/._-+=:@,~".utf8.contains(byte)
        }
        return isPlain
            ? path : "'" + path.printable.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
