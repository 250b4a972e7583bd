import CLinux
import Glibc
import LinuxKernel

/// A directory that a sandbox can write, opened so that no path leads out of it: openat2(2) with RESOLVE_BENEATH and
/// RESOLVE_NO_SYMLINKS for every name, however deep.
package struct BeneathDirectory: Sendable {
    /// O_PATH (open(2)), which glibc defines only with _GNU_SOURCE; the same number on x86-64 and arm64.
    package static let pathOnly: Int32 = 0o10_000_000

    package let descriptor: Descriptor
    /// For messages.
    package let path: String

    package init(descriptor: Descriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a directory that the host itself names; its own path may go through links.
    package init(_ path: String) throws(SystemError) {
        self.init(descriptor: try Descriptor.open(path, O_RDONLY | O_DIRECTORY), path: path)
    }

    /// Opens `name` below, `.` for the directory itself.
    package func open(_ name: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> Descriptor {
        let subject = FileSystem.join(path, name)
        // A rename elsewhere in the tree can make the kernel give up with EAGAIN (openat2(2)).
        for _ in 0..<64 {
            let number = name.withOSBytes {
                clinux_open_beneath(descriptor.number, $0, UInt64(UInt32(bitPattern: flags)), UInt64(mode))
            }
            if number >= 0 { return Descriptor(owning: number) }
            if errno != EAGAIN && errno != EINTR { throw SystemError("openat2", subject) }
        }
        throw SystemError("openat2", subject, errno: EAGAIN)
    }

    package func directory(_ name: String) throws(SystemError) -> BeneathDirectory {
        BeneathDirectory(descriptor: try open(name, O_RDONLY | O_DIRECTORY), path: FileSystem.join(path, name))
    }

    /// The same for what may be this directory itself: `.` opens nothing.
    package func holder(_ name: String) throws(SystemError) -> BeneathDirectory { name == "." ? self : try directory(name) }

    /// The bytes of a regular file; nil when there is none. Anything else under that name is an error (`ELOOP`, `EINVAL`).
    package func read(_ name: String, limit: Int) throws(SystemError) -> [UInt8]? {
        let file: Descriptor
        do {
            // O_NONBLOCK: a FIFO under that name must not make coop wait for a writer.
            file = try open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR {
            return nil
        }
        var status = stat()
        try check("fstat", name) { fstat(file.number, &status) }
        guard FileKind(mode: status.st_mode) == .file else { throw SystemError("read", FileSystem.join(path, name), errno: EINVAL) }
        if status.st_size > limit { throw SystemError("read", FileSystem.join(path, name), errno: EFBIG) }
        return try FileBytes.read(file, count: Int(status.st_size), subject: FileSystem.join(path, name))
    }

    /// Which regular file is there, how long it is and when it was last changed, in a form to compare; nil when there is none that is reached
    /// without a link. The time of the last change of status cannot be set (inode(7)), so that equal outlines mean equal contents.
    package func outline(_ name: String) -> String? {
        var status = stat()
        guard let file = try? open(name, BeneathDirectory.pathOnly | O_NOFOLLOW), fstat(file.number, &status) == 0,
            FileKind(mode: status.st_mode) == .file
        else { return nil }
        return "\(status.st_dev):\(status.st_ino):\(status.st_size):\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
    }

    /// The status of a single component in this directory, links not followed; nil when nothing is there.
    package func status(_ name: String) throws(SystemError) -> stat? {
        var result = stat()
        if name.withOSBytes({ fstatat(descriptor.number, $0, &result, AT_SYMLINK_NOFOLLOW) }) == 0 { return result }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemError("fstatat", FileSystem.join(path, name))
    }

    /// The text of a link that is a single component in this directory.
    package func readLink(_ name: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = name.withOSBytes { name in
            buffer.withUnsafeMutableBytes { raw in
                guard let base = raw.baseAddress else { return -1 }
                return readlinkat(descriptor.number, name, base.assumingMemoryBound(to: CChar.self), raw.count)
            }
        }
        return count >= 0 ? String(osBytes: buffer[0..<count]) : nil
    }

    /// The names and kinds in this directory; nil as kind where the file system does not say.
    package func entries(limit: Int = .max) throws(SystemError) -> [(name: String, kind: FileKind?)] {
        let copy = try open(".", O_RDONLY | O_DIRECTORY)
        let number = try check("dup", path) { fcntl(copy.number, F_DUPFD_CLOEXEC, 3) }
        guard let handle = fdopendir(number) else {
            let failure = errno
            close(number)
            throw SystemError("fdopendir", path, errno: failure)
        }
        defer { closedir(handle) }
        var result: [(name: String, kind: FileKind?)] = []
        while result.count < limit {
            errno = 0
            guard let entry = readdir(handle) else {
                if errno != 0 { throw SystemError("readdir", path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(osBytes: $0) }
            }
            if name == "." || name == ".." { continue }
            switch Int32(entry.pointee.d_type) {
            case Int32(DT_REG): result.append((name, .file))
            case Int32(DT_DIR): result.append((name, .directory))
            case Int32(DT_LNK): result.append((name, .symlink))
            case Int32(DT_SOCK): result.append((name, .socket))
            case Int32(DT_FIFO): result.append((name, .fifo))
            case Int32(DT_CHR): result.append((name, .characterDevice))
            case Int32(DT_BLK): result.append((name, .blockDevice))
            default: result.append((name, try status(name).flatMap { FileKind(mode: $0.st_mode) }))
            }
        }
        return result
    }
}
