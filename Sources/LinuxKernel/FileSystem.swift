import CLinux
import Glibc

/// What kind of thing a path names.
public enum FileKind: Sendable, Equatable {
    case file, directory, symlink, socket, fifo, characterDevice, blockDevice

    public init?(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symlink
        case S_IFSOCK: self = .socket
        case S_IFIFO: self = .fifo
        case S_IFCHR: self = .characterDevice
        case S_IFBLK: self = .blockDevice
        default: return nil
        }
    }
}

/// The file system calls that coop makes on the host, with errors that name the path.
public enum FileSystem {
    /// The status of `path`; nil when nothing is there (or a parent is not a directory).
    public static func status(_ path: String, followLinks: Bool = true) throws(SystemError) -> stat? {
        var result = stat()
        let code = path.withOSBytes { followLinks ? stat($0, &result) : lstat($0, &result) }
        if code == 0 { return result }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemError("stat", path)
    }

    /// The kind of `path`, nil when nothing is there.
    ///
    /// For whatever is forgotten, removed or allowed because something is not there.
    public static func kindIfPresent(_ path: String, followLinks: Bool = true) throws(SystemError) -> FileKind? {
        try status(path, followLinks: followLinks).flatMap { FileKind(mode: $0.st_mode) }
    }

    /// The kind of `path`, nil when nothing is there or it cannot be looked at.
    public static func kind(_ path: String, followLinks: Bool = true) -> FileKind? {
        guard let found = try? status(path, followLinks: followLinks) else { return nil }
        return FileKind(mode: found.st_mode)
    }

    /// Whether `path` may be executed by this process (access(2)).
    public static func isExecutable(_ path: String) -> Bool {
        kind(path) == .file && path.withOSBytes { access($0, X_OK) } == 0
    }

    /// The whole contents of a file.
    public static func read(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
        try Descriptor.open(path, O_RDONLY).readAll(limit: limit, subject: path)
    }

    /// The whole contents of a file that somebody else may have made: whatever could keep coop waiting in its place is an error (`EINVAL`).
    public static func readPlain(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
        try openPlain(path).readAll(limit: limit, subject: path)
    }

    /// Opens such a file to read it.
    public static func openPlain(_ path: String) throws(SystemError) -> Descriptor {
        // O_NONBLOCK: opening a pipe would wait for its writer.
        let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var found = stat()
        try check("fstat", path) { fstat(file.number, &found) }
        // The null device is what people link to for "nothing".
        guard found.st_mode & S_IFMT == S_IFREG || found.st_mode & S_IFMT == S_IFCHR else {
            throw SystemError("read", "\(path) (a pipe or a device)", errno: EINVAL)
        }
        return file
    }

    /// Replaces a file in one step: a reader, and a crash at any point, sees the old or the new bytes, never a mixture.
    ///
    /// - Parameter owner: to whom the file belongs afterwards; nil for whoever calls.
    public static func replace(
        _ path: String, with bytes: some Sequence<UInt8>, mode: mode_t = 0o600, owner: (user: uid_t, group: gid_t)? = nil
    ) throws(SystemError) {
        try put(bytes, at: path, mode: mode, isMasked: false, owner: owner) { temporary throws(SystemError) in
            try rename(temporary, to: path)
        }
    }

    /// Makes a file in one step, and never over something that is there (`EEXIST`).
    ///
    /// - Parameter mode: less what the process masks (umask(2)).
    public static func create(_ path: String, with bytes: some Sequence<UInt8>, mode: mode_t = 0o600) throws(SystemError) {
        try put(bytes, at: path, mode: mode, isMasked: true, owner: nil) { temporary throws(SystemError) in
            WriteStep.pass()
            try check("rename", path) {
                temporary.withOSBytes { old in
                    path.withOSBytes { coop_renameat2(AT_FDCWD, old, AT_FDCWD, $0, UInt32(COOP_RENAME_NOREPLACE)) }
                }
            }
        }
    }

    /// - Parameter move: gives the file with the bytes in it its name.
    private static func put(
        _ bytes: some Sequence<UInt8>, at path: String, mode: mode_t, isMasked: Bool, owner: (user: uid_t, group: gid_t)?,
        move: (_ temporary: String) throws(SystemError) -> Void
    ) throws(SystemError) {
        removeTemporaries(of: path)
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).tmp"
        let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        do {
            // The owner first: a change of owner may take bits of the mode away (chown(2)).
            if let owner { try check("fchown", temporary) { fchown(file.number, owner.user, owner.group) } }
            if !isMasked { try check("fchmod", temporary) { fchmod(file.number, mode) } }
            try file.writeAll(bytes, subject: path)
            WriteStep.pass()
            try check("fsync", temporary) { fsync(file.number) }
            try move(temporary)
        } catch {
            temporary.withOSBytes { _ = unlink($0) }
            throw error
        }
        WriteStep.pass()
        // The rename itself is durable only once its directory is (rename(2), fsync(2)).
        let directory = try Descriptor.open(parent(of: path), O_RDONLY | O_DIRECTORY)
        _ = fsync(directory.number)
    }

    /// Clears away what processes have left beside a file that were killed while they replaced it. What cannot be looked at or removed
    /// stays: it is in nobody's way.
    private static func removeTemporaries(of path: String) {
        let prefix = lastComponent(of: path) + "."
        for name in (try? list(parent(of: path))) ?? [] where name.hasPrefix(prefix) && name.hasSuffix(".tmp") {
            // PID.RANDOM, as `replace` names them.
            let parts = name.dropFirst(prefix.count).dropLast(4).split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let process = pid_t(parts[0]), process > 0, UInt32(parts[1]) != nil else { continue }
            if kill(process, 0) == 0 || errno != ESRCH { continue }
            join(parent(of: path), name).withOSBytes { _ = unlink($0) }
        }
    }

    /// Renames (rename(2)): atomic on one file system.
    public static func rename(_ from: String, to target: String) throws(SystemError) {
        WriteStep.pass()
        let code = from.withOSBytes { old in target.withOSBytes { new in Glibc.rename(old, new) } }
        guard code == 0 else { throw SystemError("rename", target) }
    }

    /// Makes `path` and every missing parent.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o700) throws(SystemError) {
        if path.withOSBytes({ mkdir($0, mode) }) == 0 { return }
        switch errno {
        case EEXIST:
            if kind(path) == .directory { return }
            throw SystemError("mkdir", path, errno: EEXIST)
        case ENOENT:
            let above = parent(of: path)
            guard above != path else { throw SystemError("mkdir", path, errno: ENOENT) }
            try makeDirectories(above, mode: mode)
            // Once more and no further: in /proc nothing can be made however often it is tried.
            if path.withOSBytes({ mkdir($0, mode) }) == 0 { return }
            let code = errno
            if code == EEXIST, kind(path) == .directory { return }
            throw SystemError("mkdir", path, errno: code)
        default:
            throw SystemError("mkdir", path)
        }
    }

    /// The names in a directory, without `.` and `..`, in the kernel's order.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        try entries(path).map(\.name)
    }

    /// The names and kinds in a directory; a link is reported as a link.
    public static func entries(_ path: String) throws(SystemError) -> [(name: String, kind: FileKind?)] {
        guard let handle = path.withOSBytes({ opendir($0) }) else { throw SystemError("opendir", path) }
        defer { closedir(handle) }
        var result: [(name: String, kind: FileKind?)] = []
        while true {
            errno = 0
            guard let entry = readdir(handle) else {
                if errno != 0 { throw SystemError("readdir", path) }
                return result
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(osBytes: $0) }
            }
            if name == "." || name == ".." { continue }
            var found: FileKind?
            switch Int32(entry.pointee.d_type) {
            case Int32(DT_REG): found = .file
            case Int32(DT_DIR): found = .directory
            case Int32(DT_LNK): found = .symlink
            case Int32(DT_SOCK): found = .socket
            case Int32(DT_FIFO): found = .fifo
            case Int32(DT_CHR): found = .characterDevice
            case Int32(DT_BLK): found = .blockDevice
            default: found = kind(join(path, name), followLinks: false)
            }
            result.append((name, found))
        }
    }

    /// Removes a file (unlink(2)); nothing there is no error.
    public static func removeFile(_ path: String) throws(SystemError) {
        WriteStep.pass()
        if path.withOSBytes({ unlink($0) }) != 0, errno != ENOENT { throw SystemError("unlink", path) }
    }

    /// Removes an empty directory (rmdir(2)); nothing there is no error.
    public static func removeDirectory(_ path: String) throws(SystemError) {
        if path.withOSBytes({ rmdir($0) }) != 0, errno != ENOENT { throw SystemError("rmdir", path) }
    }

    /// Removes a tree that belongs to coop, however deep. Links are removed, never followed; a directory without permissions is
    /// opened up first. What somebody else removes at the same time is no error.
    public static func removeTree(_ path: String) throws(SystemError) {
        let parent: Descriptor
        do { parent = try Descriptor.open(self.parent(of: path), O_RDONLY | O_DIRECTORY) } catch {
            // Then there is no tree either; whatever else keeps it from being opened leaves one.
            if error.errno == ENOENT || error.errno == ENOTDIR { return }
            throw error
        }
        var removal = TreeRemoval(path, in: parent)
        try removal.run()
    }

    /// The text of a symbolic link (readlink(2)); nil when `path` is not one.
    public static func readLink(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = path.withOSBytes { name in
            buffer.withUnsafeMutableBytes { raw in
                guard let base = raw.baseAddress else { return -1 }
                return readlink(name, base.assumingMemoryBound(to: CChar.self), raw.count)
            }
        }
        guard count >= 0 else { return nil }
        return String(osBytes: buffer[0..<count])
    }

    /// The absolute path with every link resolved (realpath(3)); nil when something on the way is missing.
    public static func realPath(_ path: String) -> String? {
        guard let resolved = path.withOSBytes({ realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        return String(osBytes: UnsafePointer(resolved))
    }

    /// The directory that holds `path`.
    public static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The last component of `path`.
    public static func lastComponent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// `directory/name`, without a doubled slash; an absolute `name` stands for itself.
    public static func join(_ directory: String, _ name: String) -> String {
        if name.utf8.first == UInt8(ascii: "/") { return name }
        return directory.utf8.last == UInt8(ascii: "/") ? directory + name : directory + "/" + name
    }

    /// The names between the slashes, empty ones left out.
    ///
    /// By bytes, as the kernel sees it: to Swift, a slash and a combining accent after it are one `Character` that is not
    /// `/`, and a split by characters would take `../\u{301}` for a harmless name.
    public static func components(of path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
    }

    /// Removes `.`, `..` and doubled slashes from an absolute path by text alone, without looking at the file system.
    public static func normalize(_ path: String) -> String {
        var parts: [String] = []
        for part in components(of: path) where part != "." {
            if part == ".." {
                if !parts.isEmpty { parts.removeLast() }
            } else {
                parts.append(part)
            }
        }
        // The first use of `joined` takes a start a fifth of a millisecond.
        return parts.isEmpty ? "/" : parts.reduce(into: "") { $0 += "/" + $1 }
    }

    /// Whether `path` is `directory` or lies below it (both normalised). Compared by bytes: names that differ only in their
    /// Unicode normalisation are equal strings to Swift and two files to the kernel.
    public static func contains(_ directory: String, _ path: String) -> Bool {
        directory == "/" || relative(path, to: directory) != nil
    }

    /// What follows `directory` and its slash in `path`; empty for the directory itself, nil for what does not lie in it
    /// (both normalised).
    public static func relative(_ path: String, to directory: String) -> String? {
        if directory == "/" { return String(path.utf8.dropFirst()) }
        let bytes = path.utf8
        guard bytes.starts(with: directory.utf8) else { return nil }
        let rest = bytes.dropFirst(directory.utf8.count)
        guard let slash = rest.first else { return "" }
        return slash == UInt8(ascii: "/") ? String(rest.dropFirst()) : nil
    }
}
