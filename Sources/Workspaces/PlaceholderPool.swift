import CLinux
import Glibc
import LinuxKernel

/// Empty directories that are kept from one session to the next, beside the journals.
///
/// A file system takes much longer to make a directory than to give one another name, on some a hundred times as long where many have
/// just been removed; and every start needs a dozen. So they are moved into the workspace and back again. Where that cannot be, because
/// the workspace is on another file system, they are made and removed.
struct PlaceholderPool {
    /// Nil once it has turned out that nothing can be moved.
    private var directory: Descriptor?
    private let path: String
    private var names: [String] = []

    private static let name = "pool"
    /// More are removed.
    private static let limit = 64

    /// - Parameter journals: the directory of the journals, whose mutex is held.
    init(in journals: String) {
        path = FileSystem.join(journals, PlaceholderPool.name)
        _ = path.withOSBytes { mkdir($0, 0o700) }
        guard let found = try? FileSystem.list(path) else { return }
        directory = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        names = found
    }

    /// Moves one to a place where nothing is.
    ///
    /// - Returns: false when it has to be made there.
    mutating func take(to holder: Descriptor, _ name: String) -> Bool {
        while let directory, let own = names.popLast() {
            var found = stat()
            // Something was written into it by whoever had it open: it is not empty.
            guard own.withOSBytes({ fstatat(directory.number, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0, PlaceholderPool.isUnused(found)
            else { continue }
            if PlaceholderPool.move(own, in: directory, to: name, in: holder) { return true }
            guard errno == ENOENT else {
                if errno == EEXIST { names.append(own) } else { self.directory = nil }
                return false
            }
        }
        return false
    }

    /// Takes one back that is as it was made.
    ///
    /// - Returns: false when it has to be removed where it is.
    mutating func put(from holder: Descriptor, _ name: String) -> Bool {
        guard let directory, names.count < PlaceholderPool.limit else { return false }
        var found = stat()
        guard name.withOSBytes({ fstatat(holder.number, $0, &found, AT_SYMLINK_NOFOLLOW) }) == 0, PlaceholderPool.isUnused(found) else {
            return false
        }
        let own = String(found.st_ino)
        guard PlaceholderPool.move(name, in: holder, to: own, in: directory) else {
            if errno != EEXIST { self.directory = nil }
            return false
        }
        // Between the look and the move, somebody on the host may have begun to use it: then it goes back.
        var moved = stat()
        if own.withOSBytes({ fstatat(directory.number, $0, &moved, AT_SYMLINK_NOFOLLOW) }) == 0, !PlaceholderPool.isUnused(moved) {
            return !PlaceholderPool.move(own, in: directory, to: name, in: holder)
        }
        names.append(own)
        return true
    }

    /// Whether it is a placeholder, of the mode that they are made with, in which nothing has been made since.
    private static func isUnused(_ found: stat) -> Bool {
        PlaceholderJournal.isPlaceholder(found) && found.st_uid == geteuid() && found.st_mode & 0o7777 == 0o755
    }

    private static func move(_ name: String, in directory: Descriptor, to other: String, in target: Descriptor) -> Bool {
        name.withOSBytes { old in
            other.withOSBytes { coop_renameat2(directory.number, old, target.number, $0, UInt32(COOP_RENAME_NOREPLACE)) }
        } == 0
    }
}
