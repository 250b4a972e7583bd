import Glibc
import LinuxKernel

/// How one path of the tree was: what stat(2) said, and where its name and its children are. Written to disk as it lies in memory.
struct BaseEntry: BitwiseCopyable {
    /// Another look may not tell that the file has changed since: it was changed in the tick of the clock in which it was looked at.
    static let racy: UInt16 = 1
    /// A directory whose entries could not be listed: what is in it is not known.
    static let unread: UInt16 = 2

    var size: UInt64
    var inode: UInt64
    var modifiedSeconds: Int64
    var changedSeconds: Int64
    var modifiedNanoseconds: UInt32
    var changedNanoseconds: UInt32
    /// `st_mode`, with the kind.
    var mode: UInt32
    var nameOffset: UInt32
    /// Of a directory its first child among the entries; of a link where its target is among the names.
    var first: UInt32
    var count: UInt32
    var nameLength: UInt16
    var flags: UInt16
    /// Makes the size a multiple of eight.
    private var reserved: UInt32 = 0

    init(_ status: stat, nameOffset: UInt32, nameLength: UInt16) {
        size = UInt64(clamping: status.st_size)
        inode = UInt64(status.st_ino)
        modifiedSeconds = Int64(status.st_mtim.tv_sec)
        changedSeconds = Int64(status.st_ctim.tv_sec)
        modifiedNanoseconds = UInt32(truncatingIfNeeded: status.st_mtim.tv_nsec)
        changedNanoseconds = UInt32(truncatingIfNeeded: status.st_ctim.tv_nsec)
        mode = UInt32(status.st_mode)
        (self.nameOffset, self.nameLength) = (nameOffset, nameLength)
        (first, count, flags) = (0, 0, 0)
    }

    var kind: FileKind? { FileKind(mode: mode_t(mode)) }
    /// chmod(2)'s part of the mode.
    var permissions: UInt32 { mode & 0o7777 }
    var isRacy: Bool { flags & BaseEntry.racy != 0 }
    var isUnread: Bool { flags & BaseEntry.unread != 0 }
    var hasTarget: Bool { kind == .symlink }

    /// Whether a file with this status is the one that was recorded, with the same content: the time of the last change of status cannot be
    /// set (inode(7)).
    func isSame(_ status: stat) -> Bool {
        let now = BaseEntry(status, nameOffset: 0, nameLength: 0)
        return !isRacy && size == now.size && inode == now.inode && mode == now.mode && modifiedSeconds == now.modifiedSeconds
            && modifiedNanoseconds == now.modifiedNanoseconds && changedSeconds == now.changedSeconds
            && changedNanoseconds == now.changedNanoseconds
    }
}
