import Glibc
import LinuxKernel

/// Files of a test's that can be executed as soon as they are written.
enum ProgramFile {
    /// F_SETLEASE (fcntl(2); F_LINUX_SPECIFIC_BASE in linux/fcntl.h), which Glibc has only with `_GNU_SOURCE`.
    private static let setLease: Int32 = 1024

    /// Replaces a file; a program only comes back when nobody has it open for writing.
    ///
    /// Not all that is started in a test's process takes `ChildProcess.spawning`: a child that has not executed yet may have got the
    /// descriptor that the file was written with, and as long as it has it, nobody can execute the file (ETXTBSY, execve(2)).
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t, owner: (user: uid_t, group: gid_t)? = nil) throws {
        try ChildProcess.spawning.withLock { _ in try FileSystem.replace(path, with: bytes, mode: mode, owner: owner) }
        guard mode & 0o111 != 0 else { return }
        let file = try Descriptor.open(path, O_RDONLY)
        guard Deadline.poll(seconds: 60, { !isOpenForWriting(file) }) else { throw TestSupportError("\(path) stays open for writing") }
    }

    /// Whether the kernel refuses a read lease, as it does exactly then. Where it gives none for another reason (a file system without
    /// leases, another user's file without CAP_LEASE), nothing can be told, and nobody waits.
    private static func isOpenForWriting(_ file: Descriptor) -> Bool {
        guard fcntl(file.number, setLease, F_RDLCK) == 0 else { return errno == EAGAIN }
        // At once: while it is held, whoever opens the file for writing has to wait, and SIGIO would end the test.
        _ = fcntl(file.number, setLease, F_UNLCK)
        return false
    }
}
