import CoopErrors
import Glibc
import LinuxKernel

/// A directory of files that only the user may read (0700 and 0600), changed so that a crash at any point leaves each file whole.
///
/// Everything is done relative to the open directory and follows no link, so a path that is changed underneath leads nowhere else.
struct PrivateDirectory: Sendable {
    let path: String
    private let handle: Descriptor
    private static let temporaryPrefix = ".tmp-"

    /// Opens the directory; nil when it does not exist.
    ///
    /// - Throws: `CoopError` when it is a link, belongs to somebody else, or others may look into it.
    static func open(_ path: String) throws(CoopError) -> PrivateDirectory? {
        do {
            let handle = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            return try PrivateDirectory(path, handle)
        } catch let error as SystemError {
            if error.errno == ENOENT { return nil }
            throw CoopError(.refused, "cannot use \(path.printable)", error.reason, next: "ls -ld \(path.printable)")
        } catch let error as CoopError {
            throw error
        } catch {
            throw CoopError(.failed, "cannot use \(path.printable)", "\(error)", next: "ls -ld \(path.printable)")
        }
    }

    /// Opens the directory, made where it is missing.
    static func make(_ path: String) throws(CoopError) -> PrivateDirectory {
        do {
            try FileSystem.makeDirectories(path, mode: 0o700)
        } catch {
            throw CoopError(.failed, "cannot make \(path.printable)", error.reason, next: "ls -ld \(FileSystem.parent(of: path).printable)")
        }
        guard let result = try open(path) else {
            throw CoopError(
                .failed, "cannot make \(path.printable)", "it vanished at once", next: "ls -ld \(FileSystem.parent(of: path).printable)")
        }
        return result
    }

    private init(_ path: String, _ handle: Descriptor) throws {
        var found = stat()
        try check("fstat", path) { fstat(handle.number, &found) }
        guard found.st_uid == geteuid() else {
            throw CoopError(
                .refused, "cannot use \(path.printable)", "it belongs to user \(found.st_uid)", next: "ls -ld \(path.printable)")
        }
        guard found.st_mode & 0o077 == 0 else {
            throw CoopError(
                .refused, "cannot use \(path.printable)", "other users can look into it, and it holds secrets",
                next: "chmod 700 \(path.printable)")
        }
        self.path = path
        self.handle = handle
    }

    /// The names of the files in it.
    func names() throws(CoopError) -> [String] {
        do {
            return try FileSystem.entries("/proc/self/fd/\(handle.number)").filter { $0.kind == .file && !$0.name.hasPrefix(".") }
                .map(\.name).sorted()
        } catch {
            throw CoopError(.failed, "cannot list \(path.printable)", error.reason, next: "ls -la \(path.printable)")
        }
    }

    /// The contents of a file; nil when there is none. Who asks for it wipes it.
    ///
    /// - Throws: `CoopError` for a link, a file of somebody else's, one that others can read, one with a second name, or a larger one.
    func read(_ name: String, limit: Int) throws(CoopError) -> [UInt8]? {
        let number = name.withOSBytes { openat(handle.number, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard number >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot read", name, errno == ELOOP ? "it is a symbolic link" : SystemError.text(for: errno))
        }
        let file = Descriptor(owning: number)
        var found = stat()
        guard fstat(number, &found) == 0 else { throw failure("cannot read", name, SystemError.text(for: errno)) }
        guard found.st_mode & S_IFMT == S_IFREG, found.st_uid == geteuid(), found.st_nlink <= 1 else {
            throw failure("cannot read", name, "it is not a plain file of yours with one name")
        }
        guard found.st_mode & 0o077 == 0 else {
            throw CoopError(
                .refused, "cannot use \(shown(name))", "other users can read it", next: "chmod 600 \(shown(name))")
        }
        do {
            return try SecretRead.all(of: file, limit: limit, subject: shown(name))
        } catch {
            throw failure("cannot read", name, error.reason)
        }
    }

    /// When a file was written last, in seconds since 1970; nil when there is none.
    func modified(_ name: String) throws(CoopError) -> Int64? {
        var found = stat()
        if name.withOSBytes({ fstatat(handle.number, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0 { return Int64(found.st_mtim.tv_sec) }
        if errno == ENOENT { return nil }
        throw failure("cannot look at", name, SystemError.text(for: errno))
    }

    /// Replaces a file in one step, durably: afterwards it is the new one, and before a crash at any point the old one.
    func replace(_ name: String, with bytes: [UInt8]) throws(CoopError) {
        let temporary = PrivateDirectory.temporaryPrefix + "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        WriteStep.pass()
        let number = temporary.withOSBytes { openat(handle.number, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        guard number >= 0 else { throw failure("cannot write", name, SystemError.text(for: errno)) }
        let file = Descriptor(owning: number)
        do {
            var done = 0
            while done < bytes.count {
                WriteStep.pass()
                done += try check("write") {
                    bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress.map { $0 + done }, bytes.count - done) }
                }
            }
            WriteStep.pass()
            try check("fsync") { fsync(number) }
            WriteStep.pass()
            try check("rename") {
                temporary.withOSBytes { old in name.withOSBytes { renameat(handle.number, old, handle.number, $0) } }
            }
            WriteStep.pass()
            // The new name is durable only once the directory is (fsync(2)).
            try check("fsync") { fsync(handle.number) }
        } catch {
            _ = temporary.withOSBytes { unlinkat(handle.number, $0, 0) }
            throw failure("cannot write", name, error.reason)
        }
        withExtendedLifetime(file) {}
    }

    /// - Returns: whether there was such a file.
    func remove(_ name: String) throws(CoopError) -> Bool {
        WriteStep.pass()
        if name.withOSBytes({ unlinkat(handle.number, $0, 0) }) == 0 {
            _ = fsync(handle.number)
            return true
        }
        if errno == ENOENT { return false }
        throw failure("cannot remove", name, SystemError.text(for: errno))
    }

    /// One change at a time, over all processes (flock(2)); what a killed process left half written is cleared away first.
    func locked<Result>(_ body: () throws(CoopError) -> Result) throws(CoopError) -> Result {
        let number = openat(handle.number, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw failure("cannot lock", ".lock", SystemError.text(for: errno)) }
        let lock = Descriptor(owning: number)
        do {
            try check("flock") { flock(number, LOCK_EX) }
        } catch {
            throw failure("cannot lock", ".lock", error.reason)
        }
        for entry in (try? FileSystem.list("/proc/self/fd/\(handle.number)")) ?? [] where entry.hasPrefix(PrivateDirectory.temporaryPrefix)
        {
            _ = entry.withOSBytes { unlinkat(handle.number, $0, 0) }
        }
        return try withExtendedLifetime(lock) { () throws(CoopError) in try body() }
    }

    private func shown(_ name: String) -> String { FileSystem.join(path, name).printable }

    private func failure(_ what: String, _ name: String, _ why: String) -> CoopError {
        CoopError(.failed, "\(what) \(shown(name))", why, next: "ls -la \(path.printable)")
    }
}
