import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// The commands that were started by request, and everything that is reaped.
final class ProcessTable {
    private struct Command {
        var id: UInt32
        var pid: pid_t
        var isMain: Bool
        /// The terminal leader's report pipe, and its pid, for a command with a terminal.
        var status: Descriptor?
        /// Keeps the terminal alive until the command has ended, so that its last output can be read.
        var terminal: Descriptor?
    }

    private let plan: LaunchPlan
    private let channel: FrameChannel
    private var commands: [Command] = []
    /// Whether the command that the sandbox exists for has ended.
    private(set) var isOver = false

    init(plan: LaunchPlan, channel: FrameChannel) {
        self.plan = plan
        self.channel = channel
    }

    /// The descriptors that report on commands with a terminal.
    var statusDescriptors: [Int32] { commands.compactMap { $0.status?.number } }

    // MARK: - Starting

    /// Starts a command and says so; a failure is reported as the command's end.
    func start(_ request: ProcessRequest, passed: [Descriptor]) throws {
        do {
            try launch(request, passed: passed)
        } catch let error as SystemError {
            try channel.send(.exited(id: request.id, .notStarted(step: error.call, errno: error.errno)))
            if request.isMain { isOver = true }
        }
    }

    private func launch(_ request: ProcessRequest, passed: [Descriptor]) throws {
        let terminal = request.usesTerminal ? try openTerminal(request) : nil
        let (reportReader, reportWriter) = try pipe()
        let launch = CommandLaunch(
            request: request, plan: plan, passed: passed, terminal: terminal?.user, report: reportWriter)
        var statusReader: Descriptor?
        let pid: pid_t
        if let terminal, request.controlsTerminal {
            let (reader, writer) = try pipe()
            statusReader = reader
            pid = try fork { TerminalLeader(launch: launch, terminal: terminal.user, status: writer).lead() }
        } else {
            pid = try fork {
                setsid()
                if let terminal { _ = coop_set_controlling_terminal(terminal.user.number) }
                launch.become()
            }
        }
        // From here on only the child holds the writing ends: `launch` and the writers go away with this scope, so the
        // reports are read by a function that does not capture them.
        try finishStart(
            request, pid: pid, report: reportReader, writer: reportWriter, status: statusReader, terminal: terminal)
    }

    private func finishStart(
        _ request: ProcessRequest, pid: pid_t, report: Descriptor, writer: Descriptor, status: Descriptor?,
        terminal: (master: Descriptor, user: Descriptor)?
    ) throws {
        // Ending our own copy makes end-of-file mean "execve succeeded"; the number is reserved by /dev/null meanwhile.
        try replaceWithNull(writer)
        let failure = try report.readAll(limit: 4096, subject: "report")
        if failure.count >= 4 {
            let number = failure.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
            let step = String(decoding: failure.dropFirst(4), as: UTF8.self)
            var code: Int32 = 0
            while waitpid(pid, &code, 0) < 0 && errno == EINTR {}
            try channel.send(.exited(id: request.id, .notStarted(step: step, errno: number)))
            if request.isMain { isOver = true }
            return
        }
        var commandPid = pid
        if let status {
            guard let message = try readReport(status), message.kind == .started else {
                throw SystemError("terminal", "", errno: EIO)
            }
            commandPid = message.value
        }
        commands.append(
            Command(id: request.id, pid: commandPid, isMain: request.isMain, status: status, terminal: terminal?.user))
        try channel.send(.started(id: request.id, pid: commandPid), descriptors: terminal.map { [$0.master] } ?? [])
    }

    private func replaceWithNull(_ descriptor: Descriptor) throws(SystemError) {
        let null = try Descriptor.open("/dev/null", O_RDWR)
        try check("dup3") { coop_dup3(null.number, descriptor.number, O_CLOEXEC) }
    }

    private func fork(_ child: () -> Never) throws(SystemError) -> pid_t {
        let pid = coop_fork()
        if pid == 0 { child() }
        guard pid > 0 else { throw SystemError("fork") }
        return pid
    }

    private func pipe() throws(SystemError) -> (reader: Descriptor, writer: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    /// A new pseudoterminal that belongs to the command's user.
    private func openTerminal(_ request: ProcessRequest) throws(SystemError) -> (master: Descriptor, user: Descriptor) {
        if plan.separatesWarden {
            _ = coop_setfsgid(plan.workload.group)
            _ = coop_setfsuid(plan.workload.user)
        }
        defer {
            if plan.separatesWarden {
                _ = coop_setfsuid(plan.warden.user)
                _ = coop_setfsgid(plan.warden.group)
            }
        }
        let master = try Descriptor.open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try check("TIOCSPTLCK") { coop_pty_unlock(master.number) }
        let user = Descriptor(owning: try check("TIOCGPTPEER") { coop_pty_peer(master.number, O_RDWR | O_NOCTTY | O_CLOEXEC) })
        if request.rows > 0 { try check("TIOCSWINSZ") { coop_set_window(master.number, request.rows, request.columns) } }
        return (master, user)
    }

    // MARK: - Watching

    /// Collects every child that has changed state.
    func reap() throws {
        while true {
            var code: Int32 = 0
            let pid = waitpid(-1, &code, WNOHANG | WUNTRACED)
            if pid < 0 && errno == EINTR { continue }
            if pid <= 0 { return }
            guard let index = commands.firstIndex(where: { $0.pid == pid && $0.status == nil }) else { continue }
            let command = commands[index]
            if coop_wifstopped(code) != 0 {
                try channel.send(.stopped(id: command.id, signal: UInt8(truncatingIfNeeded: coop_wstopsig(code))))
                continue
            }
            let end: ProcessEnd =
                coop_wifexited(code) != 0
                ? .exited(UInt8(truncatingIfNeeded: coop_wexitstatus(code)))
                : .signaled(UInt8(truncatingIfNeeded: coop_wtermsig(code)))
            try finish(index, end)
        }
    }

    /// Reads one report of a terminal leader.
    func readStatus(_ number: Int32) throws {
        guard let index = commands.firstIndex(where: { $0.status?.number == number }), let status = commands[index].status else { return }
        guard let message = try readReport(status) else {
            // The leader was killed; its command went with it or is no longer ours to report.
            try finish(index, .signaled(UInt8(SIGKILL)))
            return
        }
        switch message.kind {
        case .started: break
        case .stopped: try channel.send(.stopped(id: commands[index].id, signal: UInt8(truncatingIfNeeded: message.value)))
        case .exited: try finish(index, .exited(UInt8(truncatingIfNeeded: message.value)))
        case .signaled: try finish(index, .signaled(UInt8(truncatingIfNeeded: message.value)))
        }
    }

    private func readReport(_ status: Descriptor) throws(SystemError) -> (kind: TerminalLeader.Report, value: Int32)? {
        var message: [Int32] = [0, 0]
        let count = try check("read", "terminal leader") {
            message.withUnsafeMutableBytes { read(status.number, $0.baseAddress, $0.count) }
        }
        guard count == 8, let kind = TerminalLeader.Report(rawValue: message[0]) else { return nil }
        return (kind, message[1])
    }

    private func finish(_ index: Int, _ end: ProcessEnd) throws {
        let command = commands.remove(at: index)
        if command.isMain {
            // Nothing may run, write or hold a file once the caller has been told that the command is over.
            killEverything()
            isOver = true
        }
        try channel.send(.exited(id: command.id, end))
    }

    // MARK: - Ending

    func signal(_ target: SignalTarget, _ number: UInt8) {
        switch target {
        case .everything:
            // ESRCH: nobody is left to be signalled.
            kill(-1, Int32(number))
        case .command(let id):
            guard let command = commands.first(where: { $0.id == id }) else { return }
            var group = command.pid
            if command.status != nil, let terminal = command.terminal, Int32(number) != SIGCONT {
                let foreground = tcgetpgrp(terminal.number)
                if foreground > 1 { group = foreground }
            }
            kill(-group, Int32(number))
        }
    }

    /// Ends every process but this one and waits until they are gone.
    func killEverything() {
        kill(-1, SIGKILL)
        while true {
            let pid = waitpid(-1, nil, 0)
            if pid < 0 && errno != EINTR { return }
        }
    }
}
