import CoopErrors
import Glibc
import LinuxKernel
import Review
import Synchronization
import Workspaces

/// Makes the overlay of a session that begins, records its base, and completes the record when the session is over. Used by the session's
/// supervisor alone.
public final class OverlayRecorder: Sendable {
    /// What an overlay lies over, and what is mounted on top of it.
    public struct Setup: Sendable {
        /// The tree, absolute and without links.
        public var root: String
        /// Directories of the tree that something else is mounted on, relative.
        public var covered: [String]
        /// Directories that will be made in the overlay for mounts, relative.
        public var standing: [String]
        /// Git's index of the tree; nil where there is none.
        public var index: String?
        /// Whether overlayfs uses `trusted.overlay.*`, as root's does.
        public var isTrusted: Bool

        public init(root: String, covered: [String], standing: [String], index: String?, isTrusted: Bool = false) {
            (self.root, self.covered, self.standing, self.index, self.isTrusted) = (root, covered, standing, index, isTrusted)
        }
    }

    private let directory: OverlayDirectory
    private let recorder: BaseRecorder
    private let copier: BaseCopier
    private let thread = Mutex<pthread_t?>(nil)

    /// Bytes of the largest file that is copied at the end because the session has changed it, and of all of them together.
    private static let largest: UInt64 = 64 << 20
    private static let mostBytes: UInt64 = 1 << 30

    /// Looks at the tree.
    ///
    /// - Parameter directory: as `make(over:)` has made it.
    public init(_ directory: OverlayDirectory, _ setup: Setup) throws {
        self.directory = directory
        var recorder = try BaseRecorder(
            root: setup.root, covered: setup.covered, standing: setup.standing, isTrusted: setup.isTrusted)
        if let index = setup.index, let status = try FileSystem.status(index) {
            let bytes = try FileSystem.read(index, limit: 2 << 30)
            let file = try Descriptor.open(directory.index, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try file.writeAll(bytes, subject: directory.index)
            recorder.setIndexTime(status.st_mtim)
        }
        try recorder.tree.write(to: directory.tree)
        self.recorder = recorder
        copier = BaseCopier(directory, recorder)
    }

    /// What of the tree belongs to other users or groups than this process, relative to it: how many paths, and one of them; nil for none. An
    /// ordinary user's overlay cannot change these, since their owners have no number in its user namespace (EOVERFLOW).
    public var foreign: (count: Int, example: String)? { recorder.foreign.count == 0 ? nil : recorder.foreign }

    /// Begins to copy what nobody else keeps.
    public func start() throws {
        let copier = copier
        let started = try BackgroundThread.start { copier.run() }
        thread.withLock { $0 = started }
    }

    private func stop() {
        copier.stop()
        if let running = thread.withLock({ thread in
            defer { thread = nil }
            return thread
        }) {
            pthread_join(running, nil)
        }
    }

    /// Nothing has happened in the overlay yet, and nothing will.
    public func abandon() throws {
        stop()
        try directory.remove()
    }

    /// The session is over: what it changed can be told from the base from now on, whatever the user does to the tree. An overlay without a change
    /// is removed.
    ///
    /// - Returns: how many paths changed.
    public func finish() throws -> Int {
        stop()
        return try OverlayRecorder.finish(directory, recorder)
    }

    /// The same for a session whose supervisor was killed.
    public static func finish(_ directory: OverlayDirectory) throws -> Int {
        // Killed before the base was complete: nothing has run.
        guard try FileSystem.kindIfPresent(directory.tree, followLinks: false) == .file else {
            try directory.remove()
            return 0
        }
        return try finish(directory, nil)
    }

    private static func finish(_ directory: OverlayDirectory, _ recorder: BaseRecorder?) throws -> Int {
        // What overlayfs has kept beside the changes is of no use any more.
        try FileSystem.removeTree(directory.work)
        let base = try OverlayBase(directory)
        let upper = try UpperLayer(directory.upper, isTrusted: base.tree.isTrusted)
        var changes = try OverlayChanges.find(base, upper)
        if let recorder, !recorder.racy.isEmpty, !changes.isEmpty {
            recorder.waitForTick()
            try BaseTree.settle(recorder.settled(), in: directory.tree)
        }
        // With the base as it is known now.
        let settled = try OverlayBase(directory)
        try copy(changes, settled, directory)
        changes = try OverlayChanges.find(try OverlayBase(directory), upper)
        if changes.isEmpty { try directory.remove() }
        return changes.count
    }

    /// Keeps the old content of what was changed.
    private static func copy(_ changes: [Change], _ base: OverlayBase, _ directory: OverlayDirectory) throws {
        let index = base.index()
        let writer = try BaseCopies.Writer(BaseCopies(directory: directory.base))
        // What lies in a directory that was moved as a whole is in the tree alone, until the move is applied.
        let moved = Set(changes.compactMap { $0.origin?.osBytes })
        for change in changes {
            guard change.after != nil || moved.contains(change.path.osBytes), let before = change.before, before.kind == .file,
                before.size > 0, before.size <= largest,
                writer.total + before.size <= mostBytes, base.accepted[change.path.osBytes] == nil, let found = base.tree.find(change.path)
            else { continue }
            let entry = base.tree.entries[found]
            // What cannot be read any more is lost, and said to be.
            guard !base.hasCopy(found), index?.object(of: entry, at: change.path.osBytes) == nil, let file = try? base.live(change.path)
            else {
                continue
            }
            var status = stat()
            guard fstat(file.number, &status) == 0, entry.isSame(status) else { continue }
            _ = try writer.add(found, entry, from: file)
        }
        try writer.save()
    }
}
