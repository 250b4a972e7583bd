import CoopErrors
import Glibc
import LinuxKernel

/// Keeps a task to one process: as long as a session works in it, or while it is made, merged or removed. Released when the value goes
/// away, or the process ends in whatever way (flock(2)).
public final class TaskLock: Sendable {
    /// What the lock keeps others from. The two do not exclude each other: what is committed can be merged while a session goes on.
    public enum Purpose: String, Sendable {
        /// A session works in the tree, or the tree is being removed.
        case session
        /// Branch and record are about to be changed.
        case change
    }

    private let file: Descriptor

    private init(file: Descriptor) { self.file = file }

    /// Takes the lock for a session, or says which one has it.
    ///
    /// - Parameters:
    ///   - store: its directory must exist.
    ///   - holder: the session's id; nil for a command that is soon done, which others wait for.
    /// - Throws: `CoopError` of kind `notReady` when a session works in the task.
    public static func session(of name: TaskName, in store: TaskStore, holder: String?) throws(CoopError) -> TaskLock {
        let path = store.lockPath(of: name, .session)
        var working: String?
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if flock(file.number, LOCK_EX | LOCK_NB) != 0 {
                guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemError("flock", path) }
                working = String(decoding: try file.readAll(limit: 256, subject: path), as: UTF8.self)
            }
            // What holds it without a name is soon done.
            if working.map(\.isEmpty) ?? false {
                while flock(file.number, LOCK_EX) != 0 { if errno != EINTR { throw SystemError("flock", path) } }
                working = nil
            }
            if working == nil {
                try check("ftruncate", path) { ftruncate(file.number, 0) }
                lseek(file.number, 0, SEEK_SET)
                if let holder { try file.writeAll(holder.utf8, subject: path) }
                return TaskLock(file: file)
            }
        } catch {
            throw CoopError(
                .failed, "cannot work in the task \(name)", "\(error)",
                next: error.isFull ? "df -h; df -i" : "ls -la \(store.directory.printable)")
        }
        let id = working?.printable ?? ""
        throw CoopError(
            .notReady, "cannot work in the task \(name)", "the session \(id) works in it",
            next: "coop attach \(id)   # or: coop exec \(id) -- COMMAND")
    }

    /// The session's lock for whoever finishes what a killed session has left; nil while another one works in the task.
    public static func idle(_ name: TaskName, in store: TaskStore) throws(SystemError) -> TaskLock? {
        let path = store.lockPath(of: name, .session)
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        if flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK || errno == EINTR { return nil }
            throw SystemError("flock", path)
        }
        try check("ftruncate", path) { ftruncate(file.number, 0) }
        return TaskLock(file: file)
    }

    /// Waits for the lock on branch and record.
    public static func change(of name: TaskName, in store: TaskStore) throws(CoopError) -> TaskLock {
        try wait(for: store.lockPath(of: name, .change), "cannot change the task \(name)", store)
    }

    /// Waits until no other task is merged: two merges would want the same branch and the same index.
    ///
    /// - Parameters:
    ///   - name: the task that is to be merged.
    ///   - whenBusy: called once if another merge goes on.
    public static func merge(of name: TaskName, in store: TaskStore, whenBusy: () -> Void) throws(CoopError) -> TaskLock {
        try wait(for: FileSystem.join(store.directory, ".merge"), "cannot merge \(name)", store, whenBusy: whenBusy)
    }

    private static func wait(
        for path: String, _ what: String, _ store: TaskStore, whenBusy: () -> Void = {}
    ) throws(CoopError) -> TaskLock {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if flock(file.number, LOCK_EX | LOCK_NB) == 0 { return TaskLock(file: file) }
            if errno == EWOULDBLOCK { whenBusy() }
            while flock(file.number, LOCK_EX) != 0 { if errno != EINTR { throw SystemError("flock", path) } }
            return TaskLock(file: file)
        } catch {
            throw CoopError(.failed, what, "\(error)", next: error.isFull ? "df -h; df -i" : "ls -la \(store.directory.printable)")
        }
    }
}

extension TaskStore {
    /// Kept when the task goes: another process may be waiting for it.
    func lockPath(of name: TaskName, _ purpose: TaskLock.Purpose) -> String {
        FileSystem.join(directory, ".\(name).\(purpose.rawValue)")
    }

    /// The session that works in a task, nil for none.
    ///
    /// - Throws: `CoopError` where that cannot be told; nobody may take it for a task without a session.
    public func session(of name: TaskName) throws(CoopError) -> String? {
        let path = lockPath(of: name, .session)
        do throws(SystemError) {
            let file: Descriptor
            do throws(SystemError) { file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW) } catch  where error.errno == ENOENT {
                return nil
            }
            if flock(file.number, LOCK_SH | LOCK_NB) == 0 { return nil }
            guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemError("flock", path) }
            let bytes = try file.readAll(limit: 256, subject: path)
            return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        } catch {
            throw CoopError(
                .failed, "cannot tell whether a session works in the task \(name)", "\(error)", next: "ls -la \(directory.printable)")
        }
    }
}
