import EventLog
import LinuxKernel
import Sandbox
import Sessions
import Workspaces

/// Writes into a session's log which files of the workspace it changes: whenever it becomes silent, and at its end.
final class ChangeRecorder {
    /// Milliseconds that one look may take: while the session goes on the loop waits for it.
    private static let pause: UInt64 = 100
    private static let patience: UInt64 = 1000

    private let recorder: SessionRecorder
    private var files: ChangedFiles

    /// - Parameter root: the workspace, as the host has it. What changes from now on counts.
    init(root: String, recorder: SessionRecorder, loop: EventLoop) {
        self.recorder = recorder
        files = ChangedFiles(root: root)
        recorder.observe { [unowned self] state in
            guard state == .idle || state == .attention else { return }
            do { try self.look(milliseconds: ChangeRecorder.pause) } catch { loop.fail(error) }
        }
    }

    /// The command has ended, and its log has not.
    func finish() throws {
        if !recorder.summary.state.isOver { try look(milliseconds: ChangeRecorder.patience) }
    }

    private func look(milliseconds: UInt64) throws {
        guard recorder.isKept else { return }
        for change in files.look(milliseconds: milliseconds) {
            var fields = EventFields()
            fields.put("path", change.path.printable)
            fields.put("change", change.isNew ? "created" : "changed")
            try recorder.record(.file, fields)
        }
    }
}
