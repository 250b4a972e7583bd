import Glibc

/// Removes a tree in one walk that takes the same stack and the same few descriptors however deep the tree is: it may be a sandbox that has
/// nested its directories, thousands of levels and more.
///
/// The way back up is `..`, and what that leads to is used only if it is the very directory that the walk came from.
struct TreeRemoval {
    private let path: String
    private let parent: Descriptor
    /// The directory that the last of `levels` stands for.
    private var current: Descriptor
    /// From the directory that holds the tree to the one in which the walk is.
    private var levels: [Level]

    private struct Level {
        /// Its name in the directory above.
        var name: String
        var device: dev_t
        var inode: ino_t
        /// The names in it that are still to be removed.
        var left: [String]
    }

    /// How often the walk begins again, because directories were moved while it was in them.
    private static let mostRestarts = 16

    /// - Parameter parent: the directory that holds `path`.
    init(_ path: String, in parent: Descriptor) {
        self.path = path
        self.parent = parent
        current = parent
        levels = [TreeRemoval.first(path)]
    }

    private static func first(_ path: String) -> Level {
        Level(name: "", device: 0, inode: 0, left: [FileSystem.lastComponent(of: path)])
    }

    mutating func run() throws(SystemError) {
        var restarts = 0
        while true {
            while let name = levels[levels.count - 1].left.popLast() { try remove(name) }
            let done = levels.removeLast()
            if levels.isEmpty { return }
            if try goUp() {
                guard done.name.withOSBytes({ unlinkat(current.number, $0, AT_REMOVEDIR) }) != 0, errno != ENOENT else { continue }
                throw failure("rmdir", done.name)
            }
            restarts += 1
            guard restarts <= TreeRemoval.mostRestarts else { throw SystemError("open", path, errno: ESTALE) }
            current = parent
            levels = [TreeRemoval.first(path)]
        }
    }

    /// Removes a file of the current directory, or goes into a directory of it.
    private mutating func remove(_ name: String) throws(SystemError) {
        if name.withOSBytes({ unlinkat(current.number, $0, 0) }) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM || errno == EACCES else { throw failure("unlink", name) }
        guard let directory = try open(name) else { return }
        _ = fchmod(directory.number, 0o700)
        var status = stat()
        guard fstat(directory.number, &status) == 0 else { throw failure("fstat", name) }
        let left = try FileSystem.list("/proc/self/fd/\(directory.number)")
        levels.append(Level(name: name, device: status.st_dev, inode: status.st_ino, left: left))
        current = directory
    }

    /// Opens a directory of the current one; nil when somebody else has removed it since.
    private func open(_ name: String) throws(SystemError) -> Descriptor? {
        func open(_ flags: Int32) -> Int32 {
            name.withOSBytes { openat(current.number, $0, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        }
        var number = open(O_RDONLY)
        if number < 0, errno == EACCES {
            // By its descriptor: a name could lead through a link by now. O_PATH (open(2)) needs no right to the directory.
            let place = open(0o10_000_000)
            if place >= 0 {
                let owner = Descriptor(owning: place)
                "/proc/self/fd/\(owner.number)".withOSBytes { _ = chmod($0, 0o700) }
            }
            number = open(O_RDONLY)
        }
        if number >= 0 { return Descriptor(owning: number) }
        if errno == ENOENT { return nil }
        throw failure("open", name)
    }

    /// Goes back to the last of `levels`.
    ///
    /// - Returns: false when the directory was moved away from there.
    private mutating func goUp() throws(SystemError) -> Bool {
        guard levels.count > 1, let level = levels.last else {
            current = parent
            return true
        }
        let number = openat(current.number, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if number < 0 {
            if errno == ENOENT || errno == ESTALE || errno == EACCES { return false }
            throw failure("open", "..")
        }
        let above = Descriptor(owning: number)
        var status = stat()
        guard fstat(above.number, &status) == 0, status.st_dev == level.device, status.st_ino == level.inode else { return false }
        current = above
        return true
    }

    /// What failed on an entry of the current directory.
    private func failure(_ call: String, _ name: String) -> SystemError {
        let number = errno
        var subject = path
        for part in levels.dropFirst(2).map(\.name) + (levels.count > 1 ? [name] : []) {
            // No longer than a path may be: then the tree has to do.
            guard subject.utf8.count + part.utf8.count < Int(PATH_MAX) else { return SystemError(call, path, errno: number) }
            subject = FileSystem.join(subject, part)
        }
        return SystemError(call, subject, errno: number)
    }
}
