import CLinux
import Glibc

/// What tells a file or directory from every other one that was or will be on its file system: device, inode, and the time of its birth,
/// which nobody can set (statx(2)). It stays the same when the file is renamed, and a copy has another one.
public struct FileIdentity: Sendable, Equatable, CustomStringConvertible {
    /// `254:0 1835011 1763716000.123456789`: equal for the same file only.
    public let description: String

    public init(description: String) { self.description = description }

    /// The identity of what a path leads to; nil when nothing is there, it cannot be opened, or its file system does not keep the time of
    /// birth.
    public init?(of path: String) {
        var found = coop_file_identity()
        guard let file = try? Descriptor.open(path, Int32(COOP_O_PATH)), coop_file_identity(file.number, &found) == 0 else { return nil }
        let fraction = String(found.born_nanoseconds)
        description =
            "\(found.device_major):\(found.device_minor) \(found.inode) \(found.born_seconds)."
            + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    }
}
