import CLinux
import Glibc
import LinuxKernel
import Synchronization

/// Lets the end of a session cut off the import that goes on beside it, so that nothing of that is left or goes on alone: no git on the host, which
/// would write beside the import that follows, and no sandbox in which it looks at what was committed.
public final class ImportInterruption: Sendable {
    /// The import was cut off.
    struct Interrupted: Error {}

    private enum Phase { case idle, reading, writing }
    private let state = Mutex((phase: Phase.idle, isOver: false))

    public init() {}

    /// Runs what may be cut off: the processes that it waits for are killed, and it clears up after itself.
    func reading<Value>(_ body: () throws -> Value) throws -> Value {
        try enter(.reading)
        defer { state.withLock { $0.phase = .idle } }
        return try body()
    }

    /// Runs a part of it that must not be cut off: something is done in the repository.
    func writing<Value>(_ body: () throws -> Value) throws -> Value {
        try enter(.writing)
        defer { state.withLock { $0.phase = .reading } }
        return try body()
    }

    /// Looked at before something is begun that can take long.
    func check() throws { if state.withLock({ $0.isOver }) { throw Interrupted() } }

    private func enter(_ phase: Phase) throws {
        try state.withLock { state in
            if state.isOver { throw Interrupted() }
            state.phase = phase
        }
    }

    /// Ends this process, once an import that is under way has been cut off. For another thread than that of the import.
    public func end() -> Never {
        while true {
            state.withLock { state in
                state.isOver = true
                switch state.phase {
                case .idle: _exit(0)
                case .reading: ImportInterruption.killChildren()
                case .writing: break
                }
            }
            usleep(10_000)
        }
    }

    /// Kills the processes that this one has started (proc(5), `/proc/pid/task/tid/children`). Where the kernel has no such list they end by
    /// themselves, each within its limit of time.
    private static func killChildren() {
        // What is gone by the time it is looked at needs no signal.
        for task in (try? FileSystem.list("/proc/self/task")) ?? [] {
            let children = (try? FileSystem.read("/proc/self/task/\(task)/children")) ?? []
            for number in String(decoding: children, as: UTF8.self).split(separator: " ") {
                guard let process = pid_t(number), case let handle = coop_pidfd_open(process), handle >= 0 else { continue }
                let descriptor = Descriptor(owning: handle)
                // The number may have become another's before there was a descriptor, not since.
                if parent(of: process) == getpid() { _ = coop_pidfd_send_signal(descriptor.number, SIGKILL) }
            }
        }
    }

    /// The second field behind the name, which may hold anything (proc(5), `/proc/pid/stat`).
    private static func parent(of process: pid_t) -> pid_t? {
        guard let bytes = try? FileSystem.read("/proc/\(process)/stat"), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }
}
