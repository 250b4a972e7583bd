import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// Looks at a whole tree: names and status, nothing of the contents. No directory is entered through a link.
struct BaseRecorder {
    /// What lies in these is not recorded, because something else is mounted there: relative paths.
    let covered: Set<[UInt8]>
    private(set) var tree: BaseTree
    /// Entries whose file changed so lately that another change may not show.
    private(set) var racy: [(index: Int, path: String)] = []
    /// What belongs to other users or groups than this process: how many, and one of them.
    private(set) var foreign: (count: Int, example: String) = (0, "")

    /// Nanoseconds that the clock of files may stand still: a tick, of 10 ms at most (time(7)), and the next one.
    static let tick = 20_000_000

    /// - Parameters:
    ///   - covered: directories that are hidden by something else.
    ///   - standing: directories that will be made for mounts.
    init(root: String, covered: [String], standing: [String], isTrusted: Bool) throws(SystemError) {
        self.covered = Set(covered.map(\.osBytes))
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        tree = BaseTree(root: root, start: now, isTrusted: isTrusted, standing: standing, indexTime: nil, entries: [], names: [])
        tree.entries.reserveCapacity(1 << 12)
        try look()
    }

    private mutating func look() throws(SystemError) {
        let top = try BeneathDirectory(tree.root)
        var status = stat()
        try check("fstat", tree.root) { fstat(top.descriptor.number, &status) }
        tree.entries.append(BaseEntry(status, nameOffset: 0, nameLength: 0))
        var queue: [(index: Int, path: String)] = [(0, "")]
        var next = 0
        while next < queue.count {
            let (index, path) = queue[next]
            next += 1
            let directory: Descriptor
            do throws(SystemError) {
                directory = try top.open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY)
            } catch {
                // Not to be read by this user, or by its path: nothing that happens in it can be told from the base.
                if error.errno == EACCES || error.errno == ENAMETOOLONG { tree.entries[index].flags |= BaseEntry.unread }
                // Gone or replaced since its parent was read.
                guard error.errno == EACCES || error.isAbsence else { throw error }
                continue
            }
            let children = try read(directory, path)
            tree.entries[index].first = UInt32(clamping: children.lowerBound)
            tree.entries[index].count = UInt32(clamping: children.count)
            for child in children {
                let entry = tree.entries[child]
                if entry.kind != .directory && !isRecent(entry) { continue }
                let name = tree.name(of: child)
                let place = path.isEmpty ? name : path + "/" + name
                if entry.kind != .directory {
                    tree.entries[child].flags |= BaseEntry.racy
                    racy.append((child, place))
                } else if covered.isEmpty || !covered.contains(place.osBytes) {
                    queue.append((child, place))
                }
            }
        }
    }

    /// The entries of one directory, sorted by name.
    private mutating func read(_ directory: Descriptor, _ path: String) throws(SystemError) -> Range<Int> {
        let start = tree.entries.count
        let owner = (user: geteuid(), group: getegid())
        let copy = try directory.duplicate()
        guard let handle = fdopendir(fcntl(copy.number, F_DUPFD_CLOEXEC, 3)) else { throw SystemError("fdopendir", path) }
        defer { closedir(handle) }
        var status = stat()
        while true {
            errno = 0
            guard let entry = readdir(handle) else {
                if errno != 0 { throw SystemError("readdir", FileSystem.join(tree.root, path)) }
                break
            }
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    if name[0] == 0x2E, name[1] == 0 || name[1] == 0x2E && name[2] == 0 { return }
                    // What has gone since is as if it had never been.
                    guard fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
                    let length = strlen(name)
                    var made = BaseEntry(status, nameOffset: UInt32(clamping: tree.names.count), nameLength: UInt16(clamping: length))
                    tree.names.append(contentsOf: UnsafeRawBufferPointer(start: name, count: length))
                    if made.kind == .symlink { addTarget(of: name, in: directory, to: &made) }
                    tree.entries.append(made)
                    if status.st_uid != owner.user || status.st_gid != owner.group {
                        if foreign.count == 0 {
                            foreign.example = path.isEmpty ? String(cString: name) : FileSystem.join(path, String(cString: name))
                        }
                        foreign.count += 1
                    }
                }
            }
        }
        guard tree.names.count < 1 << 32, tree.entries.count < 1 << 32 else {
            throw SystemError("read", FileSystem.join(tree.root, path), errno: EFBIG)
        }
        sort(from: start)
        return start..<tree.entries.count
    }

    private mutating func addTarget(of name: UnsafePointer<CChar>, in directory: Descriptor, to entry: inout BaseEntry) {
        entry.first = UInt32(clamping: tree.names.count)
        withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer in
            guard let base = buffer.baseAddress else { return }
            let count = readlinkat(directory.number, name, base.assumingMemoryBound(to: CChar.self), buffer.count)
            guard count > 0 else { return }
            entry.count = UInt32(clamping: count)
            tree.names.append(contentsOf: buffer[0..<count])
        }
    }

    private mutating func sort(from start: Int) {
        let names = tree.names
        names.withUnsafeBufferPointer { names in
            guard let base = names.baseAddress else { return }
            tree.entries.withUnsafeMutableBufferPointer { entries in
                var new = UnsafeMutableBufferPointer(rebasing: entries[start...])
                new.sort { left, right in
                    let order = memcmp(
                        base + Int(left.nameOffset), base + Int(right.nameOffset), Int(min(left.nameLength, right.nameLength)))
                    return order == 0 ? left.nameLength < right.nameLength : order < 0
                }
            }
        }
    }

    /// Whether the file was changed so shortly before the look that a change after it may leave the same times.
    private func isRecent(_ entry: BaseEntry) -> Bool {
        // A file system that counts in seconds, or in two.
        if entry.changedNanoseconds == 0 { return entry.changedSeconds >= Int64(tree.start.tv_sec) - 2 }
        let seconds = Int64(tree.start.tv_sec) - entry.changedSeconds
        return seconds <= 1
            && seconds * 1_000_000_000 + Int64(tree.start.tv_nsec) - Int64(entry.changedNanoseconds) < Int64(BaseRecorder.tick)
    }

    /// The racy entries that are still as they were, so long after the look that every change since would show. One that cannot be looked at
    /// is not among them, and stays in doubt.
    func settled() -> [Int] {
        guard let top = try? BeneathDirectory(tree.root) else { return [] }
        return racy.compactMap { index, path in
            var entry = tree.entries[index]
            entry.flags = 0
            guard entry.changedNanoseconds != 0, let file = try? top.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW) else { return nil }
            var status = stat()
            return fstat(file.number, &status) == 0 && entry.isSame(status) ? index : nil
        }
    }

    /// Waits until a change would show in the times of every file that is not known to be as it was.
    func waitForTick() {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        let passed = (now.tv_sec - tree.start.tv_sec) * 1_000_000_000 + now.tv_nsec - tree.start.tv_nsec
        let left = BaseRecorder.tick - passed
        guard left > 0, left <= BaseRecorder.tick else { return }
        usleep(useconds_t(left / 1000 + 1))
    }

    mutating func setIndexTime(_ time: timespec?) { tree.indexTime = time }
}
