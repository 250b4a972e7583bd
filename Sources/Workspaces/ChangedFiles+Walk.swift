import Glibc
import LinuxKernel

extension ChangedFiles {
    /// Goes through a workspace, a directory at a time, those near the root first, up to the limits.
    struct Walk {
        private let top: BeneathDirectory?
        private let end: UInt64
        private var queue = ["."]
        private var place = 0
        private var entries = 0
        /// The directories that are there.
        private(set) var seen: Set<String> = ["."]
        /// Those whose entries are known.
        private(set) var read: Set<String> = []
        private(set) var isRepository = false
        /// Whether a limit has ended it.
        private(set) var isCut = false
        /// Whether the time has sufficed for anything.
        var hasBegun: Bool { place > 0 }
        /// Whether it has seen everything.
        var isWhole: Bool { !isCut && place == queue.count && read.count == queue.count }

        init(root: String, milliseconds: UInt64) {
            top = try? BeneathDirectory(root)
            end = Walk.milliseconds() + milliseconds
        }

        /// The next directory, and the files and links in it; nil when there is none, or a limit is reached.
        mutating func next() -> (path: String, directory: BeneathDirectory, files: [String])? {
            guard let top else { return nil }
            while place < queue.count {
                guard entries < ChangedFiles.mostEntries, Walk.milliseconds() < end else {
                    isCut = true
                    return nil
                }
                let path = queue[place]
                place += 1
                // It may be gone, or exchanged, since its parent was read; and what cannot be read is not told.
                let left = ChangedFiles.mostEntries - entries
                guard let directory = try? top.directory(path), let children = try? directory.entries(limit: left) else { continue }
                entries += children.count
                // What was read of it is not all, perhaps.
                if children.count < left { read.insert(path) }
                if path == "." { isRepository = children.contains { $0.name == ".git" } }
                var files: [String] = []
                for (name, known) in children where name != ".git" {
                    let kind = known ?? (try? directory.status(name)).flatMap { FileKind(mode: $0.st_mode) }
                    if kind == .directory {
                        guard !WorkspaceScan.generated.contains(name) else { continue }
                        let child = Walk.join(path, name)
                        queue.append(child)
                        seen.insert(child)
                    } else if kind == .file || kind == .symlink {
                        files.append(name)
                    }
                }
                return (path, directory, files)
            }
            return nil
        }

        static func join(_ path: String, _ name: String) -> String { path == "." ? name : "\(path)/\(name)" }

        private static func milliseconds() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
        }
    }
}
