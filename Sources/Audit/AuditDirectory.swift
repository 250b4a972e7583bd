import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// The directory of the log, held open: files are opened below it, never through a link, and only when nobody but the owner can
/// read or write them.
struct AuditDirectory: Sendable {
    let path: String
    let descriptor: Descriptor

    /// The files beside the log itself.
    enum Name {
        static let key = "key"
        static let newKey = "key.new"
        static let lock = "lock"
        static let tip = "tip"
        static let synced = "synced"
        /// A further file of the log until it has its first entry.
        static let next = "next"
    }

    /// Opens the directory; nil when there is none.
    init?(opening path: String) throws(CoopError) {
        self.path = path
        do {
            descriptor = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            switch error.errno {
            case ENOENT: return nil
            case ENOTDIR, ELOOP:
                throw AuditFailure.unsafe(path, "is not a directory", next: "ls -ld \(AuditFailure.quoted(path))")
            default: throw AuditFailure.system("cannot open the audit log", error, directory: path)
            }
        }
        try check(descriptor, path, expected: S_IFDIR, mode: "700")
    }

    /// Opens the directory, and makes it first where it is missing.
    init(making path: String) throws(CoopError) {
        do {
            if try FileSystem.status(path, followLinks: false) == nil { try FileSystem.makeDirectories(path, mode: 0o700) }
        } catch {
            throw AuditFailure.system("cannot make the audit log", error, directory: FileSystem.parent(of: path))
        }
        guard let opened = try AuditDirectory(opening: path) else { throw AuditFailure.replaced(path) }
        self = opened
    }

    func path(of name: String) -> String { FileSystem.join(path, name) }

    /// Opens a file of the log (openat(2)); nil when there is none and `flags` do not ask to make it.
    func open(_ name: String, _ flags: Int32) throws(CoopError) -> Descriptor? {
        let file: Descriptor
        if flags & O_CREAT != 0 { WriteStep.pass() }
        do {
            // A fifo in its place must not hold anybody up.
            let number = try LinuxKernel.check("open", path(of: name)) {
                name.withOSBytes { openat(descriptor.number, $0, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600) }
            }
            file = Descriptor(owning: number)
        } catch {
            switch error.errno {
            case ENOENT where flags & O_CREAT == 0: return nil
            case ELOOP, ENXIO, EISDIR:
                throw AuditFailure.unsafe(path(of: name), "is not a file of coop's", next: "ls -la \(AuditFailure.quoted(path))")
            default: throw AuditFailure.system("cannot open the audit log", error, directory: path)
            }
        }
        try check(file, path(of: name), expected: S_IFREG, mode: "600")
        return file
    }

    private func check(_ file: Descriptor, _ path: String, expected: mode_t, mode: String) throws(CoopError) {
        let status = try status(of: file, path)
        let quoted = AuditFailure.quoted(path)
        guard status.st_mode & S_IFMT == expected, expected == S_IFDIR || status.st_nlink <= 1 else {
            throw AuditFailure.unsafe(
                path, "is not a file of coop's, or has a second name", next: "ls -la \(AuditFailure.quoted(self.path))")
        }
        guard status.st_uid == geteuid() else {
            throw AuditFailure.unsafe(path, "belongs to user \(status.st_uid), and you are user \(geteuid())", next: "ls -la \(quoted)")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw AuditFailure.unsafe(path, "can be read or written by others", next: "chmod \(mode) \(quoted)")
        }
    }

    func status(of file: Descriptor, _ path: String) throws(CoopError) -> stat {
        var status = stat()
        guard fstat(file.number, &status) == 0 else {
            throw AuditFailure.system("cannot read the audit log", SystemError("fstat", path), directory: self.path)
        }
        return status
    }

    func size(of file: Descriptor, _ name: String) throws(CoopError) -> UInt64 {
        UInt64(max(0, try status(of: file, path(of: name)).st_size))
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return name.withOSBytes { fstatat(descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
    }

    /// Makes sure that the path still leads to the directory that is held open.
    func checkInPlace() throws(CoopError) {
        var found = stat()
        let held = try status(of: descriptor, path)
        guard path.withOSBytes({ lstat($0, &found) }) == 0, found.st_ino == held.st_ino, found.st_dev == held.st_dev else {
            throw AuditFailure.replaced(path)
        }
    }

    /// Makes sure that a name still leads to the file that is held open.
    func checkInPlace(_ name: String, _ file: Descriptor) throws(CoopError) {
        var found = stat()
        let held = try status(of: file, path(of: name))
        guard name.withOSBytes({ fstatat(descriptor.number, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0, found.st_ino == held.st_ino,
            found.st_dev == held.st_dev
        else { throw AuditFailure.replaced(path(of: name)) }
    }

    /// Makes names durable (fsync(2)).
    func sync() throws(CoopError) {
        guard fsync(descriptor.number) == 0 else { throw AuditFailure.writing(SystemError("fsync", path), directory: path) }
    }

    func rename(_ old: String, to new: String) throws(CoopError) {
        WriteStep.pass()
        let code = old.withOSBytes { from in
            new.withOSBytes { coop_renameat2(descriptor.number, from, descriptor.number, $0, UInt32(COOP_RENAME_NOREPLACE)) }
        }
        guard code == 0 else { throw AuditFailure.writing(SystemError("rename", path(of: new)), directory: path) }
    }

    func remove(_ name: String) throws(CoopError) {
        WriteStep.pass()
        guard name.withOSBytes({ unlinkat(descriptor.number, $0, 0) }) == 0 || errno == ENOENT else {
            throw AuditFailure.writing(SystemError("unlink", path(of: name)), directory: path)
        }
    }

    // MARK: - The files of the log

    /// `audit-000001.jsonl`.
    static func logName(_ number: UInt32) -> String {
        let text = String(number)
        return "audit-" + String(repeating: "0", count: max(0, 6 - text.utf8.count)) + text + ".jsonl"
    }

    /// The numbers of the files that are there, in order.
    func logNumbers() throws(CoopError) -> [UInt32] {
        do {
            return try FileSystem.list("/proc/self/fd/\(descriptor.number)").compactMap { name in
                guard name.hasPrefix("audit-"), name.hasSuffix(".jsonl"), let number = UInt32(name.dropFirst(6).dropLast(6)), number > 0,
                    AuditDirectory.logName(number) == name
                else { return nil }
                return number
            }.sorted()
        } catch {
            throw AuditFailure.system("cannot read the audit log", error, directory: path)
        }
    }

    /// The key; nil when there is none.
    func key() throws(CoopError) -> ChainKey? {
        guard let file = try open(Name.key, O_RDONLY) else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try file.readAll(limit: 4096, subject: path(of: Name.key))
        } catch {
            throw AuditFailure.system("cannot read the key of the audit log", error, directory: path)
        }
        guard bytes.count == ChainKey.byteCount else {
            throw AuditFailure.altered("\(path(of: Name.key).printable) has \(bytes.count) bytes, and a key has \(ChainKey.byteCount)")
        }
        return ChainKey(bytes)
    }
}
