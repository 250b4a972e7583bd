import Glibc
import LinuxKernel

/// Where the changes of a session in overlay mode lie on the host.
public struct OverlayDirectory: Sendable, Equatable {
    /// `$COOP_HOME/projects/KEY/sessions/ID/overlay`, mode 0700.
    public var path: String

    /// The directory's name in the session's own.
    public static let name = "overlay"

    public init(path: String) { self.path = path }

    /// Everything that differs from the tree below, as overlayfs keeps it (the kernel's filesystems/overlayfs.rst).
    public var upper: String { FileSystem.join(path, "upper") }
    /// The directory that overlayfs needs beside it.
    public var work: String { FileSystem.join(path, "work") }
    /// How the tree was at the start.
    public var base: String { FileSystem.join(path, "base") }

    /// The status of every path of the tree.
    var tree: String { FileSystem.join(base, "tree") }
    /// Git's index as it was.
    var index: String { FileSystem.join(base, "index") }
    /// What git on the host sees of the repository.
    var view: String { FileSystem.join(base, "view") }

    /// Removes it, and the session's directory if nothing else is in that.
    public func remove() throws(SystemError) {
        try FileSystem.removeTree(path)
        _ = FileSystem.parent(of: path).withOSBytes { rmdir($0) }
    }

    /// Makes it, and the directories in it, for an overlay over `tree`; its parent must exist.
    public func make(over tree: String) throws(SystemError) {
        guard let root = try FileSystem.status(tree) else { throw SystemError("stat", tree, errno: ENOENT) }
        for path in [path, upper, work, base] { try check("mkdir", path) { path.withOSBytes { mkdir($0, 0o700) } } }
        // The upper layer's root is the tree's as it is seen inside.
        try check("chmod", upper) { upper.withOSBytes { chmod($0, root.st_mode & 0o1777) } }
    }
}
