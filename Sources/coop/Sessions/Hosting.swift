import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import WardenProtocol

/// How a supervisor of its own holds the command that its sandbox is about. It outlives the process that started it.
struct Hosting {
    enum Mode: String, ExpressibleByArgument {
        /// The sandbox stays for clients that run commands in it; none is held.
        case keep
        /// A terminal, and somebody who is about to look at it: the command starts then.
        case attached
        /// A terminal that nobody looks at yet.
        case detached
        /// No terminal: what the command writes goes into the log.
        case pipes
    }

    let mode: Mode
    /// The terminal's size until somebody is attached.
    let size: (rows: UInt16, columns: UInt16)
    /// The words after `coop` of the command line that started it.
    let typed: [String]
    /// Where the command's standard error goes; nil for the terminal.
    var standardError: Descriptor?

    /// So long it waits for whoever is about to look, in milliseconds.
    private static let patience: UInt64 = 30_000

    var hasTerminal: Bool { mode == .attached || mode == .detached }

    /// What holds the command, whatever it is.
    struct Held {
        let host: any TerminalHost
        private let read: () -> ProcessEnd?
        let settle: () throws -> Void
        var end: ProcessEnd? { read() }

        init(_ host: SessionHost) { (self.host, read, settle) = (host, { host.end }, host.settle) }
        init(_ host: SessionPipes) { (self.host, read, settle) = (host, { host.end }, host.settle) }
    }

    /// Starts the command, or gets ready for it.
    ///
    /// - Parameter ready: called when that is done, also when the command could not be started.
    func start(
        _ command: [String], supervisor: Supervisor, recorder: SessionRecorder?, loop: EventLoop, ready: @escaping () throws -> Void
    ) throws -> Held? {
        guard mode != .keep, let recorder else {
            try ready()
            return nil
        }
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        supervisor.serve(Descriptor(owning: ends[0]), ownsSandbox: true)
        let socket = Descriptor(owning: ends[1])
        let mask = umask(0o077)
        umask(mask)
        guard hasTerminal else {
            let host = SessionPipes(socket: socket, loop: loop, recorder: recorder)
            host.whenStarted = { [unowned host] in try Hosting.report(host.end, command, ready) }
            supervisor.host = host
            try host.start(command, umask: UInt16(truncatingIfNeeded: mask), isStructured: recorder.hasStream)
            return Held(host)
        }
        let host = SessionHost(
            socket: socket, loop: loop, recorder: recorder, command: command, size: size, umask: UInt16(truncatingIfNeeded: mask),
            standardError: standardError)
        supervisor.host = host
        if mode == .attached {
            try ready()
            loop.after(milliseconds: Hosting.patience) { try host.start() }
        } else {
            host.whenStarted = { [unowned host] in try Hosting.report(host.end, command, ready) }
            try host.start()
        }
        return Held(host)
    }

    /// Nobody looks yet: a command that could not be started is told to whoever waits for the session's id.
    private static func report(_ end: ProcessEnd?, _ command: [String], _ ready: () throws -> Void) throws {
        if case .notStarted = end { _ = try CommandOutcome.code(of: end, command: command) }
        try ready()
    }
}
