import CLinux
import EventLog
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Writes the further commands of a session into its log: their words, what they write as far as it goes through coop, and their ends. Their
/// terminals stay with the clients, which send a copy: what a person types and sees does not pass here.
public final class ExecutionRecorder: FurtherCommands {
    private struct Execution {
        /// Where the client's copy arrives, as long as it may go on.
        var copy: Descriptor?
        /// How it ended, while the rest of the copy is awaited.
        var end: ProcessEnd?
    }

    /// So long the end of a command waits for the rest of what it wrote, in milliseconds: its client may be stopped.
    private static let patience: UInt64 = 5000
    /// The same at the end of the session.
    private static let lastPatience: Int32 = 250

    private let recorder: SessionRecorder
    private let loop: EventLoop
    private var executions: [UInt32: Execution] = [:]

    public init(recorder: SessionRecorder, loop: EventLoop) {
        self.recorder = recorder
        self.loop = loop
    }

    public func began(_ id: UInt32, _ request: ProcessRequest) throws {
        executions[id] = Execution()
        let size = request.controlsTerminal ? (rows: request.rows, columns: request.columns) : nil
        try recorder.executed(id, request.arguments, size: size)
    }

    public func copy(of id: UInt32) throws -> Descriptor? {
        guard executions[id] != nil else { return nil }
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let own = Descriptor(owning: ends[0])
        let theirs = Descriptor(owning: ends[1])
        executions[id]?.copy = own
        loop.watch(own.number) { [unowned self] _ in _ = try self.read(id) }
        return theirs
    }

    public func ended(_ id: UInt32, _ end: ProcessEnd) throws {
        guard let execution = executions[id] else { return }
        guard execution.copy != nil else { return try conclude(id, end) }
        executions[id]?.end = end
        loop.after(milliseconds: ExecutionRecorder.patience) { [unowned self] in
            if let end = self.executions[id]?.end { try self.conclude(id, end) }
        }
    }

    /// The session is over: takes what is still on its way.
    public func finish() throws {
        let deadline = EventLoop.now() + UInt64(ExecutionRecorder.lastPatience)
        for id in executions.keys.sorted() {
            while let copy = executions[id]?.copy {
                var entry = pollfd(fd: copy.number, events: Int16(POLLIN), revents: 0)
                let left = Int32(clamping: Int64(deadline) - Int64(EventLoop.now()))
                guard poll(&entry, 1, max(0, left)) > 0, try read(id) else { break }
            }
            if let end = executions[id]?.end { try conclude(id, end) }
        }
    }

    /// Takes a piece of the copy.
    ///
    /// - Returns: whether there may be more.
    private func read(_ id: UInt32) throws -> Bool {
        guard let copy = executions[id]?.copy else { return false }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(copy.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EINTR || errno == EAGAIN { return true }
        if count > 0 {
            try recorder.executionWrote(id, Array(buffer[..<count]))
            return true
        }
        loop.unwatch(copy.number)
        executions[id]?.copy = nil
        if let end = executions[id]?.end { try conclude(id, end) }
        return false
    }

    /// Nothing more is expected of a command; what comes from its client nonetheless is not read.
    private func conclude(_ id: UInt32, _ end: ProcessEnd) throws {
        if let copy = executions.removeValue(forKey: id)?.copy { loop.unwatch(copy.number) }
        try recorder.executionEnded(id, end)
    }
}
