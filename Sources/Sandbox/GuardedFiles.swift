import Glibc
import LinuxKernel

/// The files of the host that lie where a sandbox may write, but are read-only, hidden or something else inside: protected paths, git's own
/// directory, what is excluded, what other mounts cover.
///
/// Landlock knows the directories of a file, not the mount that leads to it. A descriptor of such a file that came from the host, opened for
/// reading or for writing alone, could be opened for the other inside by `/proc/self/fd`: so none is handed over.
public enum GuardedFiles {
    /// The step of a start (`ProcessEnd.notStarted`) that fails for their sake.
    public static let step = "guarded file"

    /// Device and inode, as a file is found by whatever path.
    private struct Identity: Hashable {
        var device: dev_t
        var inode: ino_t

        init(_ status: stat) { (device, inode) = (status.st_dev, status.st_ino) }

        /// Nil when nothing is there.
        init?(of path: String) throws(SystemError) {
            guard let status = try FileSystem.status(path) else { return nil }
            self.init(status)
        }
    }

    /// Whether a descriptor is that of such a file, and would give more than it was opened for: one for reading, or one for writing where the
    /// file is hidden.
    ///
    /// - Throws: where a path on the way cannot be looked at: nobody can tell then, and the file is not to be handed over.
    public static func include(_ number: Int32, of spec: SandboxSpec) throws(SystemError) -> Bool {
        var status = stat()
        try check("fstat") { fstat(number, &status) }
        let mode = fcntl(number, F_GETFL) & O_ACCMODE
        guard FileKind(mode: status.st_mode) == .file, mode != O_RDWR else { return false }
        // Without a name it lies nowhere: what a shell has between its lines.
        guard status.st_nlink > 0 else { return false }
        let places = paths(of: spec).filter { $0.isHidden || mode == O_RDONLY }
        if places.isEmpty { return false }
        // In the view of another process, or where this name has gone while another stayed, nobody knows where it lies.
        guard let path = FileSystem.readLink("/proc/self/fd/\(number)"), path.hasPrefix("/") else { return true }
        do { return try lies(path, status, in: places.map(\.path)) } catch  where error.errno == EACCES && mode == O_WRONLY {
            // What whoever called sudo has opened for output. The kernel tells its path without links.
            return places.contains { FileSystem.contains(FileSystem.realPath($0.path) ?? $0.path, path) }
        }
    }

    /// Whether a file is, or lies in, one of the places, by whatever path they are known; true as well where the path is not the file's any more.
    private static func lies(_ path: String, _ status: stat, in places: [String]) throws(SystemError) -> Bool {
        guard try Identity(of: path) == Identity(status) else { return true }
        var guarded: Set<Identity> = []
        for place in places {
            if let identity = try Identity(of: place) { guarded.insert(identity) }
        }
        var place = path
        while true {
            if let identity = try Identity(of: place), guarded.contains(identity) { return true }
            if place == "/" { return false }
            place = FileSystem.parent(of: place)
        }
    }

    /// Where they are on the host, they or directories that hold them, and whether something else, or nothing, is in their place inside.
    private static func paths(of spec: SandboxSpec) -> [(path: String, isHidden: Bool)] {
        var result: [(path: String, isHidden: Bool)] = []
        var writable = spec.mounts.filter { !$0.readOnly }.map { (target: $0.target, source: $0.source) }
        // An overlay's files are others than the host's, and an empty workspace has none.
        if spec.workspace.mode == .bind {
            writable.append((spec.workspace.path, spec.workspace.path))
            result = spec.protected.filter { $0.form != .pinned }.map { ($0.path, false) } + spec.excludes.map { ($0, true) }
            // What git keeps there is no secret to whoever may read the workspace.
            result.append((FileSystem.join(spec.workspace.path, ".git"), false))
        }
        for mount in spec.mounts {
            // The innermost writable directory that holds the target says what the host has there.
            let holders = writable.filter { $0.target != mount.target && FileSystem.contains($0.target, mount.target) }
            guard let holder = holders.max(by: { $0.target.utf8.count < $1.target.utf8.count }),
                let rest = FileSystem.relative(mount.target, to: holder.target)
            else { continue }
            let covered = FileSystem.join(holder.source, rest)
            if mount.readOnly || mount.source != covered { result.append((covered, mount.source != covered)) }
        }
        return result
    }
}
