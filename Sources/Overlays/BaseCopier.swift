import Glibc
import LinuxKernel
import Synchronization
import Workspaces

/// Copies, beside the running command, what only the tree itself holds: files that git does not have as they are.
final class BaseCopier: Sendable {
    /// Bytes of the largest file that is copied, of all of them together, and their number.
    private static let largest: UInt64 = 1 << 20
    private static let mostBytes: UInt64 = 512 << 20
    private static let mostFiles = 10_000

    private let directory: OverlayDirectory
    private let recorder: BaseRecorder
    private let isStopped = Mutex(false)
    private let failure = Mutex<SystemError?>(nil)

    init(_ directory: OverlayDirectory, _ recorder: BaseRecorder) {
        self.directory = directory
        self.recorder = recorder
    }

    /// Does it, until it is stopped; what could not be copied is missing, and no failure.
    func run() {
        // Below the command, which it is not to hold up.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        do throws(SystemError) {
            let writer = try BaseCopies.Writer(BaseCopies(directory: directory.base))
            try copy(to: writer)
            try writer.save()
        } catch {
            failure.withLock { $0 = error }
        }
    }

    func stop() { isStopped.withLock { $0 = true } }

    private func copy(to writer: BaseCopies.Writer) throws(SystemError) {
        let tree = recorder.tree
        let top = try BeneathDirectory(tree.root)
        // Without an index that can be read more is copied than has to be.
        let index = tree.indexTime.flatMap { time in
            (try? FileSystem.read(directory.index, limit: 2 << 30)).flatMap { GitIndex($0, time: time) }
        }
        var queue: [(index: Int, path: String)] = [(BaseTree.rootIndex, "")]
        var next = 0
        var count = 0
        while next < queue.count {
            let (parent, path) = queue[next]
            next += 1
            for child in tree.children(of: parent) {
                if isStopped.withLock({ $0 }) || count >= BaseCopier.mostFiles { return }
                let entry = tree.entries[child]
                let name = tree.name(of: child)
                let place = path.isEmpty ? name : path + "/" + name
                if entry.kind == .directory {
                    if !(name == ".git" || WorkspaceScan.generated.contains(name)) { queue.append((child, place)) }
                    continue
                }
                // What is gone already, or may not be read, has no copy: its content counts as lost, and is never taken from elsewhere.
                guard entry.kind == .file, entry.size > 0, entry.size <= BaseCopier.largest,
                    writer.total + entry.size <= BaseCopier.mostBytes,
                    !entry.isRacy, index?.object(of: entry, at: place.osBytes) == nil,
                    let file = try? top.open(place, O_RDONLY | O_NONBLOCK | O_NOCTTY)
                else { continue }
                var status = stat()
                guard fstat(file.number, &status) == 0, entry.isSame(status) else { continue }
                if try writer.add(child, entry, from: file) { count += 1 }
            }
        }
    }
}
