import CLinux
import Glibc
import LinuxKernel

/// Opens and makes paths below the new root without ever following a link: the previous run's command owned parts of
/// what is mounted there (HOME, the workspace) and may have planted links in it.
struct InsidePath {
    /// The root directory of the sandbox, open O_PATH.
    let root: Int32
    /// The command's identity: directories made inside what it owns belong to it.
    let workloadUser: UInt32
    let workloadGroup: UInt32
    /// Where what stands in the way may be moved aside; empty for nowhere.
    let clearable: String
    /// What is mounted there, in which nothing may be moved.
    let mountedBelow: [String]

    private static let resolve = UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS)

    /// Opens an existing path O_PATH.
    func open(_ path: String) throws(SystemError) -> Descriptor {
        let number = path.withOSBytes {
            coop_openat2(root, $0, UInt64(COOP_O_PATH) | UInt64(O_CLOEXEC | O_NOFOLLOW), 0, InsidePath.resolve)
        }
        guard number >= 0 else { throw SystemError("openat2", path) }
        return Descriptor(owning: number)
    }

    /// Opens a path O_PATH; nil when nothing is there.
    func openIfPresent(_ path: String) throws(SystemError) -> Descriptor? {
        let flags = UInt64(COOP_O_PATH) | UInt64(O_CLOEXEC | O_NOFOLLOW)
        let number = path.withOSBytes { coop_openat2(root, $0, flags, 0, InsidePath.resolve) }
        if number >= 0 { return Descriptor(owning: number) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw SystemError("openat2", path)
    }

    /// Opens an existing path with other flags, for instance to write a kernel setting.
    func open(_ path: String, flags: Int32) throws(SystemError) -> Descriptor {
        let number = path.withOSBytes { coop_openat2(root, $0, UInt64(flags | O_CLOEXEC), 0, InsidePath.resolve) }
        guard number >= 0 else { throw SystemError("openat2", path) }
        return Descriptor(owning: number)
    }

    /// Opens a directory O_PATH, making it and its parents where they are missing.
    func directory(_ path: String) throws(SystemError) -> Descriptor {
        // A link on the way, or something else in the place, is dealt with component by component.
        if let found = try? open(path), try isDirectory(found, path) { return found }
        let names = FileSystem.components(of: path)
        guard !names.contains(where: { $0 == ".." || $0 == "." }) else { throw SystemError("mkdir", path, errno: EINVAL) }
        // Mostly only the last one is missing.
        let parent = FileSystem.parent(of: path)
        if names.count > 1, let name = names.last, let found = try? open(parent), try isDirectory(found, parent) {
            return try step(from: found, to: name, path: path)
        }
        var current = try open("/")
        for name in names {
            current = try step(from: current, to: name, path: path)
        }
        return current
    }

    /// Opens the place for something that is not a directory, making an empty file where nothing is.
    func file(_ path: String) throws(SystemError) -> Descriptor {
        if let found = try? open(path), try !isDirectory(found, path), try kind(found, path) != .symlink { return found }
        let parent = try directory(FileSystem.parent(of: path))
        let name = FileSystem.lastComponent(of: path)
        for attempt in 0..<2 {
            let created = name.withOSBytes { openat(parent.number, $0, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0o644) }
            if created >= 0 {
                let file = Descriptor(owning: created)
                try giveToOwner(of: parent, file.number, path)
            } else if errno != EEXIST {
                throw SystemError("create", path)
            }
            let number = name.withOSBytes { openat(parent.number, $0, Int32(COOP_O_PATH) | O_NOFOLLOW | O_CLOEXEC) }
            guard number >= 0 else { throw SystemError("open", path) }
            let found = Descriptor(owning: number)
            // Another sandbox of the same HOME may have made it just now, and mounted something on it: what can be used stays where it is.
            let kind = try kind(found, path)
            if kind != .directory, kind != .symlink { return found }
            if attempt == 0 { try makeWay(for: name, in: parent, path: path) }
        }
        throw SystemError("create", path, errno: EEXIST)
    }

    /// Puts a file of the workload's, mode 0600, in the place of whatever is there: in one step, because another sandbox of the same HOME
    /// may be reading it. Only where things may be moved aside, and never inside something else that is mounted there, whose owner
    /// has not asked for it.
    func replace(_ path: String, with contents: [UInt8]) throws(SystemError) {
        guard !clearable.isEmpty, path != clearable, FileSystem.contains(clearable, path),
            !mountedBelow.contains(where: { FileSystem.contains($0, path) })
        else { throw SystemError("create", path, errno: EXDEV) }
        let parent = try directory(FileSystem.parent(of: path))
        let name = FileSystem.lastComponent(of: path)
        let made = name + ".coop-new-" + String(UInt64.random(in: 0 ... .max), radix: 16)
        let number = made.withOSBytes { openat(parent.number, $0, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0o600) }
        guard number >= 0 else { throw SystemError("create", path) }
        let file = Descriptor(owning: number)
        do {
            try file.writeAll(contents, subject: path)
            try check("chmod", path) { fchmod(file.number, 0o600) }
            try check("chown", path) { fchown(file.number, workloadUser, workloadGroup) }
            try check("rename", path) {
                made.withOSBytes { old in name.withOSBytes { renameat(parent.number, old, parent.number, $0) } }
            }
        } catch {
            _ = made.withOSBytes { unlinkat(parent.number, $0, 0) }
            throw error
        }
    }

    private func step(from parent: Descriptor, to name: String, path: String) throws(SystemError) -> Descriptor {
        for attempt in 0..<2 {
            let number = name.withOSBytes { openat(parent.number, $0, Int32(COOP_O_PATH) | O_NOFOLLOW | O_CLOEXEC) }
            if number >= 0 {
                let found = Descriptor(owning: number)
                if try isDirectory(found, path) { return found }
                guard attempt == 0 else { break }
                try makeWay(for: name, in: parent, path: path)
            } else if errno != ENOENT {
                throw SystemError("open", path)
            }
            if name.withOSBytes({ mkdirat(parent.number, $0, 0o755) }) == 0 {
                let made = name.withOSBytes { openat(parent.number, $0, Int32(COOP_O_PATH) | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC) }
                guard made >= 0 else { throw SystemError("open", path) }
                let directory = Descriptor(owning: made)
                try giveToOwner(of: parent, directory.number, path)
                return directory
            }
            guard errno == EEXIST else { throw SystemError("mkdir", path) }
        }
        throw SystemError("mkdir", path, errno: ENOTDIR)
    }

    /// Takes away what stands in the place of a mount target: a link is removed, a file is kept under another name.
    private func makeWay(for name: String, in parent: Descriptor, path: String) throws(SystemError) {
        var found = stat()
        guard name.withOSBytes({ fstatat(parent.number, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0 else { return }
        guard !clearable.isEmpty, path != clearable, FileSystem.contains(clearable, path),
            !mountedBelow.contains(where: { FileSystem.contains($0, path) })
        else {
            throw SystemError("mount target", path, errno: FileKind(mode: found.st_mode) == .symlink ? ELOOP : ENOTDIR)
        }
        switch FileKind(mode: found.st_mode) {
        case .symlink:
            guard name.withOSBytes({ unlinkat(parent.number, $0, 0) }) == 0 else { throw SystemError("unlink", path) }
        case .directory:
            throw SystemError("open", path, errno: EISDIR)
        default:
            for number in 1...1000 {
                let aside = name + ".coop-moved-\(number)"
                let code = name.withOSBytes { old in
                    aside.withOSBytes { new in coop_renameat2(parent.number, old, parent.number, new, UInt32(COOP_RENAME_NOREPLACE)) }
                }
                if code == 0 { return }
                guard errno == EEXIST else { throw SystemError("rename", path) }
            }
            throw SystemError("rename", path, errno: EEXIST)
        }
    }

    private func giveToOwner(of parent: Descriptor, _ number: Int32, _ path: String) throws(SystemError) {
        var above = stat()
        guard fstat(parent.number, &above) == 0 else { throw SystemError("fstat", path) }
        guard above.st_uid == workloadUser else { return }
        guard "".withOSBytes({ fchownat(number, $0, workloadUser, workloadGroup, Int32(COOP_AT_EMPTY_PATH)) }) == 0 else {
            throw SystemError("chown", path)
        }
    }

    private func isDirectory(_ descriptor: Descriptor, _ path: String) throws(SystemError) -> Bool {
        try kind(descriptor, path) == .directory
    }

    private func kind(_ descriptor: Descriptor, _ path: String) throws(SystemError) -> FileKind? {
        var found = stat()
        guard fstat(descriptor.number, &found) == 0 else { throw SystemError("fstat", path) }
        return FileKind(mode: found.st_mode)
    }
}
