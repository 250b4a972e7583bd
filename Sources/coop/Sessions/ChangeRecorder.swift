import CLinux
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import Synchronization
import Workspaces

/// Writes into a session's log which files of the workspace it changes: whenever it becomes silent, and at its end. Threads look: however
/// large a workspace or slow its file system is, nobody's keys wait for that.
final class ChangeRecorder {
    /// Milliseconds that one look may take, and that the session's end waits for the last one.
    private static let patience: UInt64 = 1000

    /// What a thread hands back.
    private final class Desk: Sendable {
        let result = Mutex<(files: ChangedFiles, changes: [ChangedFiles.Change])?>(nil)
        /// Readable when there is a result.
        let news: Descriptor

        init() throws(SystemError) { news = Descriptor(owning: try check("eventfd") { coop_eventfd(1) }) }
    }

    private let recorder: SessionRecorder
    private let loop: EventLoop
    /// Nil while a thread has it.
    private var files: ChangedFiles?
    private var desk: Desk?
    /// The session has become silent while a thread was looking.
    private var isWanted = false

    /// - Parameter root: the workspace, as the host has it. What changes from now on counts.
    init(root: String, recorder: SessionRecorder, loop: EventLoop) {
        self.recorder = recorder
        self.loop = loop
        files = ChangedFiles(root: root)
        recorder.observe { [unowned self] state in
            guard state == .idle || state == .attention else { return }
            do { try self.look() } catch { loop.fail(error) }
        }
    }

    /// The session is worth a log: from here on it is known what is there.
    func begin() throws {
        guard desk == nil else { return }
        let desk = try Desk()
        self.desk = desk
        loop.watch(desk.news.number) { [unowned self] _ in try self.settle() }
        try start { files in
            files.survey(milliseconds: ChangeRecorder.patience)
            return []
        }
    }

    /// The command has ended, and its log has not.
    func finish() throws {
        guard let desk, !recorder.summary.state.isOver else { return }
        loop.unwatch(desk.news.number)
        isWanted = false
        try wait(desk)
        try look()
        try wait(desk)
    }

    private func look() throws {
        guard desk != nil else { return }
        guard files != nil else {
            isWanted = true
            return
        }
        try start { $0.look(milliseconds: ChangeRecorder.patience) }
    }

    private func start(_ work: @escaping @Sendable (inout ChangedFiles) -> [ChangedFiles.Change]) throws {
        guard let desk, let given = files else { return }
        files = nil
        let thread = try BackgroundThread.start {
            var files = given
            let changes = work(&files)
            desk.result.withLock { $0 = (files, changes) }
            var one: UInt64 = 1
            _ = write(desk.news.number, &one, 8)
        }
        pthread_detach(thread)
    }

    /// Waits for the thread, but not for one that a file system holds.
    private func wait(_ desk: Desk) throws {
        guard files == nil else { return }
        var entry = pollfd(fd: desk.news.number, events: Int16(POLLIN), revents: 0)
        // It has a limit of its own; what goes beyond is waiting in the kernel.
        if poll(&entry, 1, Int32(2 * ChangeRecorder.patience)) > 0 { try settle() }
    }

    private func settle() throws {
        guard let desk else { return }
        var count: UInt64 = 0
        _ = read(desk.news.number, &count, 8)
        let result = desk.result.withLock { state in
            defer { state = nil }
            return state
        }
        guard let result else { return }
        files = result.files
        for change in result.changes {
            var fields = EventFields()
            fields.put("path", change.path.printable)
            fields.put("change", change.kind.rawValue)
            try recorder.record(.file, fields)
        }
        guard isWanted else { return }
        isWanted = false
        try look()
    }
}
