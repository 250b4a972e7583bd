import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// The layer that holds what a session has changed, as overlayfs keeps it (the kernel's filesystems/overlayfs.rst), read from the host's side.
/// Whoever wrote it is not to be trusted: nothing is opened through a link, and nothing that is not a file is opened for reading.
struct UpperLayer: Sendable {
    private let top: BeneathDirectory
    /// `user.overlay.` or `trusted.overlay.`.
    private let prefix: String

    init(_ path: String, isTrusted: Bool) throws(SystemError) {
        top = try BeneathDirectory(path)
        prefix = isTrusted ? "trusted.overlay." : "user.overlay."
    }

    /// Calls `body` with `path` opened, also where the session has taken its owner's right to.
    private func with<Value>(_ path: String, _ flags: Int32, _ body: (Descriptor) throws(SystemError) -> Value) throws(SystemError) -> Value
    {
        do throws(SystemError) { return try body(top.open(path.isEmpty ? "." : path, flags)) } catch {
            guard error.errno == EACCES else { throw error }
            return try withGranted(path, flags, error, body)
        }
    }

    private func open(_ path: String, _ flags: Int32) throws(SystemError) -> Descriptor {
        try with(path, flags) { file throws(SystemError) in file }
    }

    /// The content of a regular file.
    func content(_ path: String) throws(SystemError) -> Descriptor {
        // O_NONBLOCK: a FIFO under that name must not make coop wait for a writer.
        let file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        try check("fstat", path) { fstat(file.number, &status) }
        guard FileKind(mode: status.st_mode) == .file else { throw SystemError("open", path, errno: EINVAL) }
        return file
    }

    /// The status of `path`, links not followed; nil when nothing is there.
    func status(_ path: String) throws(SystemError) -> stat? {
        do throws(SystemError) {
            let file = try open(path, BeneathDirectory.pathOnly | O_NOFOLLOW)
            var status = stat()
            try check("fstat", path) { fstat(file.number, &status) }
            return status
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    /// The names in a directory with what stat(2) says of each, sorted by their bytes.
    func entries(_ path: String) throws(SystemError) -> [(name: String, status: stat)] {
        let found = try with(path, O_RDONLY | O_DIRECTORY) { file throws(SystemError) in
            let directory = BeneathDirectory(descriptor: file, path: path)
            var result: [(name: String, status: stat, bytes: [UInt8])] = []
            for (name, _) in try directory.entries() {
                // The session goes on: it may be gone.
                if let status = try directory.status(name) { result.append((name, status, name.osBytes)) }
            }
            return result
        }
        return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.map { ($0.name, $0.status) }
    }

    /// The text of a symbolic link.
    func target(_ path: String) throws(SystemError) -> String {
        let parent = FileSystem.parent(of: path)
        let directory = BeneathDirectory(
            descriptor: try open(parent == "." ? "" : parent, BeneathDirectory.pathOnly | O_DIRECTORY), path: parent)
        guard let target = directory.readLink(FileSystem.lastComponent(of: path)) else { throw SystemError("readlinkat", path) }
        return target
    }

    // MARK: - Attributes

    /// What overlayfs and the session have noted at a file or directory.
    struct Attributes {
        /// The user's own, without what is overlayfs's.
        var user: [String: [UInt8]] = [:]
        /// Nothing of the layer below shines through.
        var isOpaque = false
        /// Stands for something that was removed.
        var isWhiteout = false
        /// The directory of the layer below that shines through, where it was moved here: absolute, or a name beside this one.
        var redirect: String?
    }

    /// - Parameter path: a regular file or a directory.
    func attributes(_ path: String) throws(SystemError) -> Attributes {
        try with(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) { file throws(SystemError) in try attributes(of: file) }
    }

    private func attributes(of file: Descriptor) throws(SystemError) -> Attributes {
        var result = Attributes()
        for name in try UpperLayer.attributeNames(file) {
            if name.hasPrefix(prefix) {
                switch name.dropFirst(prefix.count) {
                case "opaque": result.isOpaque = try UpperLayer.attribute(name, of: file).first == UInt8(ascii: "y")
                case "whiteout": result.isWhiteout = true
                case "redirect": result.redirect = String(osBytes: try UpperLayer.attribute(name, of: file))
                default: break
                }
            } else if UpperLayer.isUsers(name) {
                result.user[name] = try UpperLayer.attribute(name, of: file)
            }
        }
        return result
    }

    /// The user's own attributes of a file or directory, without what is overlayfs's.
    static func userAttributes(of file: Descriptor) throws(SystemError) -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for name in try attributeNames(file) where isUsers(name) { result[name] = try attribute(name, of: file) }
        return result
    }

    private static func isUsers(_ name: String) -> Bool { name.hasPrefix("user.") && !name.hasPrefix("user.overlay.") }

    private static func attributeNames(_ file: Descriptor) throws(SystemError) -> [String] {
        // XATTR_LIST_MAX (limits.h).
        var failure: Int32 = 0
        let names = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer -> [String] in
            let count = coop_list_attributes(file.number, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
            if count < 0 {
                failure = errno
                return []
            }
            return buffer[0..<count].split(separator: 0).map { String(osBytes: $0) }
        }
        // A file system without any.
        guard failure == 0 || failure == EOPNOTSUPP else { throw SystemError("flistxattr", errno: failure) }
        return names
    }

    private static func attribute(_ name: String, of file: Descriptor) throws(SystemError) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 1 << 16)
        let count = name.withOSBytes { coop_get_attribute(file.number, $0, &value, value.count) }
        // Removed in the meantime.
        if count < 0, errno == ENODATA { return [] }
        guard count >= 0 else { throw SystemError("fgetxattr", name) }
        return Array(value[0..<count])
    }

    // MARK: - Rights

    /// Gives the owner the right for as long as it takes. Inside nobody sees it: overlayfs has its own copy of the mode.
    private func withGranted<Value>(
        _ path: String, _ flags: Int32, _ refusal: SystemError, _ body: (Descriptor) throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        var granted: [(file: Descriptor, mode: mode_t)] = []
        defer { for (file, mode) in granted.reversed() { UpperLayer.setMode(file, mode) } }
        func grant(_ place: Descriptor, _ right: mode_t) throws(SystemError) {
            var status = stat()
            try check("fstat", path) { fstat(place.number, &status) }
            guard status.st_mode & right != right, FileKind(mode: status.st_mode) != .symlink else { return }
            granted.append((place, status.st_mode & 0o7777))
            guard UpperLayer.setMode(place, status.st_mode & 0o7777 | right) else { throw refusal }
        }
        let names = FileSystem.components(of: path)
        var directory = top
        try grant(directory.descriptor, S_IRUSR | S_IXUSR)
        for name in names.dropLast() {
            let place = try directory.open(name, BeneathDirectory.pathOnly | O_DIRECTORY)
            try grant(place, S_IRUSR | S_IXUSR)
            directory = BeneathDirectory(descriptor: place, path: FileSystem.join(directory.path, name))
        }
        guard let last = names.last else { return try body(directory.open(".", flags)) }
        if flags & BeneathDirectory.pathOnly == 0 {
            let place = try directory.open(last, BeneathDirectory.pathOnly | O_NOFOLLOW)
            try grant(place, flags & O_DIRECTORY != 0 ? S_IRUSR | S_IXUSR : S_IRUSR)
        }
        return try body(directory.open(last, flags))
    }

    @discardableResult
    private static func setMode(_ file: Descriptor, _ mode: mode_t) -> Bool { chmod("/proc/self/fd/\(file.number)", mode) == 0 }
}
