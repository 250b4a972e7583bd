import CLinux
import Glibc
import LinuxKernel

/// Which files of a workspace have changed since it was last looked at, by the one time of a file that nobody can set: that of the last
/// change of its status (inode(7)).
///
/// No directory is entered through a link, git is not run, and nothing is read but names and times. What is removed is not seen, nor what lies in
/// `.git` or where tools put what they generate.
public struct ChangedFiles {
    public struct Change: Sendable, Equatable {
        /// Relative to the workspace.
        public var path: String
        /// Whether it has come into being since the last look, where the file system says so.
        public var isNew: Bool
    }

    /// How many directory entries a look takes.
    static let mostEntries = 10_000
    /// How many changes it tells.
    static let mostChanges = 200

    private let root: String
    private var since: timespec
    /// A workspace that is no repository and too large may be anything, a home for instance: nobody asked for its changes.
    private var isTooLarge = false
    /// What was told last: the clock of files is coarse, and a look in the same tick would tell it again.
    private var told: [String: timespec] = [:]

    /// Everything that changes from now on counts.
    public init(root: String) {
        self.root = root
        since = ChangedFiles.now()
    }

    /// The changes since the last look, those near the root first.
    ///
    /// - Parameter milliseconds: how long it may take; what was not reached by then is not told.
    public mutating func look(milliseconds: UInt64) -> [Change] {
        guard !isTooLarge, let top = try? BeneathDirectory(root) else { return [] }
        let start = ChangedFiles.now()
        let end = ChangedFiles.milliseconds() + milliseconds
        var found: [(change: Change, at: timespec)] = []
        var entries = 0
        var queue = ["."]
        var next = 0
        var isRepository = false
        while next < queue.count, found.count < ChangedFiles.mostChanges {
            guard entries < ChangedFiles.mostEntries, ChangedFiles.milliseconds() < end else {
                isTooLarge = !isRepository
                break
            }
            let path = queue[next]
            next += 1
            // It may be gone, or exchanged, since its parent was read; and what cannot be read is not told.
            guard let directory = try? top.directory(path),
                let children = try? directory.entries(limit: ChangedFiles.mostEntries - entries)
            else { continue }
            entries += children.count
            if path == "." { isRepository = children.contains { $0.name == ".git" } }
            for (name, kind) in children where name != ".git" {
                let child = path == "." ? name : "\(path)/\(name)"
                if kind == .directory {
                    if !WorkspaceScan.generated.contains(name) { queue.append(child) }
                } else if kind == .file || kind == .symlink, found.count < ChangedFiles.mostChanges,
                    let status = (try? directory.status(name)) ?? nil, !ChangedFiles.isBefore(status.st_ctim, since),
                    told[child].map({ ChangedFiles.isBefore($0, status.st_ctim) }) ?? true
                {
                    found.append((Change(path: child, isNew: isNew(name, in: directory)), status.st_ctim))
                }
            }
        }
        since = start
        told = Dictionary(found.map { ($0.change.path, $0.at) }) { first, _ in first }
        return isTooLarge ? [] : found.map(\.change)
    }

    private func isNew(_ name: String, in directory: BeneathDirectory) -> Bool {
        var identity = coop_file_identity()
        guard let file = try? directory.open(name, BeneathDirectory.pathOnly | O_NOFOLLOW), coop_file_identity(file.number, &identity) == 0
        else {
            return false
        }
        return identity.born_seconds > Int64(since.tv_sec)
            || identity.born_seconds == Int64(since.tv_sec) && Int(identity.born_nanoseconds) >= since.tv_nsec
    }

    private static func isBefore(_ left: timespec, _ right: timespec) -> Bool {
        (left.tv_sec, left.tv_nsec) < (right.tv_sec, right.tv_nsec)
    }

    /// By the clock that files are stamped with (clock_gettime(2), CLOCK_REALTIME_COARSE).
    private static func now() -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return time
    }

    private static func milliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
