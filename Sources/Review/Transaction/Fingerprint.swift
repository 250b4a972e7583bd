import Glibc
import LinuxKernel

/// What tells a path of a tree from every other state of it, without reading its content.
///
/// The time of the last change of status cannot be set (inode(7)), so equal fingerprints mean that nobody wrote in between, as far as the
/// clock of the file system is fine enough.
public struct Fingerprint: Sendable, Equatable {
    public var kind: FileKind
    /// Permission bits with set-user-id, set-group-id and sticky.
    public var mode: UInt32
    /// Bytes (stat(2)); 0 for a directory, where the number means nothing.
    public var size: UInt64
    /// Nanoseconds since 1970 of the last change of content.
    public var modified: Int64
    /// Nanoseconds since 1970 of the last change of status.
    public var changed: Int64
    public var device: UInt64
    public var inode: UInt64

    public init(kind: FileKind, mode: UInt32, size: UInt64, modified: Int64, changed: Int64, device: UInt64, inode: UInt64) {
        self.kind = kind
        self.mode = mode
        self.size = size
        self.modified = modified
        self.changed = changed
        self.device = device
        self.inode = inode
    }

    /// - Returns: nil for a kind of file that the kernel does not name.
    public init?(_ status: stat) {
        guard let kind = FileKind(mode: status.st_mode) else { return nil }
        self.init(
            kind: kind, mode: UInt32(status.st_mode) & 0o7777, size: kind == .directory ? 0 : UInt64(max(0, status.st_size)),
            modified: Fingerprint.nanoseconds(status.st_mtim), changed: Fingerprint.nanoseconds(status.st_ctim),
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Whether both are of one and the same file or link, with the same content and mode, renamed or linked in between perhaps; or of one
    /// and the same directory, whatever is in it.
    public func isSameObject(as other: Fingerprint) -> Bool {
        kind == other.kind && device == other.device && inode == other.inode
            && (kind == .directory || (mode == other.mode && size == other.size && modified == other.modified))
    }

    /// Whether a path still is what it was when it was looked at. A directory is, as long as it is the same one with the same mode: what
    /// is in it has fingerprints of its own.
    public func isUnchanged(since other: Fingerprint) -> Bool {
        kind == .directory ? isSameObject(as: other) && mode == other.mode : self == other
    }

    private static func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
}
