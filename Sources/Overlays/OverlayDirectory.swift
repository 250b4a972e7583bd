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
}
