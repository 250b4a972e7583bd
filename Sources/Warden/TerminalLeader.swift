import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// The session leader of a terminal inside. A command whose parent is in another session is an orphan to the kernel's
/// job control, and Ctrl-Z is lost on it; so a small process of the warden's leads the session, starts the command in
/// the foreground, and reports what becomes of it, as a shell would.
struct TerminalLeader {
    /// What the leader writes to the warden: a kind and a value, two 32-bit integers.
    enum Report: Int32 {
        case started = 1
        case stopped = 2
        case exited = 3
        case signaled = 4
    }

    let launch: CommandLaunch
    let terminal: Descriptor
    /// Takes the reports.
    let status: Descriptor

    /// Leads the session until the command has ended. Does not return.
    func lead() -> Never {
        for number in [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGTERM] { signal(number, SIG_IGN) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        signal(SIGCHLD, SIG_DFL)
        closeForeignDescriptors()
        guard setsid() >= 0, coop_set_controlling_terminal(terminal.number) == 0 else { _exit(125) }
        let child = coop_fork()
        if child == 0 {
            setpgid(0, 0)
            tcsetpgrp(terminal.number, getpid())
            launch.become()
        }
        guard child > 0 else { _exit(125) }
        setpgid(child, child)
        tcsetpgrp(terminal.number, child)
        // The child's own close-on-exec copies tell the warden about a failed execve; this one must not keep them open.
        close(launch.report.number)
        if launch.plan.separatesWarden { _ = coop_capset(0, 0, 0) }
        say(.started, child)
        while true {
            var code: Int32 = 0
            let pid = waitpid(child, &code, WUNTRACED)
            if pid < 0 {
                if errno == EINTR { continue }
                _exit(125)
            }
            if coop_wifstopped(code) != 0 {
                say(.stopped, coop_wstopsig(code))
            } else if coop_wifexited(code) != 0 {
                say(.exited, coop_wexitstatus(code))
                _exit(0)
            } else if coop_wifsignaled(code) != 0 {
                say(.signaled, coop_wtermsig(code))
                _exit(0)
            }
        }
    }

    /// Lets go of what belongs to the warden: its channel, other commands' reports, and the master side of this terminal,
    /// which would otherwise never report that its user has hung up.
    private func closeForeignDescriptors() {
        let kept = Set([terminal.number, status.number, launch.report.number] + launch.passed.map(\.number))
        guard let open = try? Descriptors.open() else { _exit(125) }
        for number in open where number > 2 && !kept.contains(number) { close(number) }
    }

    private func say(_ report: Report, _ value: Int32) {
        let message = [report.rawValue, value]
        // When the warden is gone the kernel ends this process as well.
        _ = message.withUnsafeBytes { write(status.number, $0.baseAddress, $0.count) }
    }
}
