import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Sessions
import Vault

/// Tells a person what a session does, by processes of its own that outlive the session and hold up nothing of it.
final class Notifier {
    /// Of one channel at most one process is under way; what happens meanwhile is told when it has ended, and only the last of it.
    private final class Line {
        let channel: NotificationChannel
        var process: (pid: pid_t, socket: Descriptor)?
        var next: SessionNotice?

        init(_ channel: NotificationChannel) { self.channel = channel }
    }

    private let states: [NotifiedState]
    private let lines: [Line]
    private let log: String
    private let loop: EventLoop
    /// Before whoever started the session knows of it there is nobody to tell: errors are told to them.
    var isOpen = false

    /// - Parameter log: where it is said when a person could not be told.
    /// - Returns: nil when the user has not said how.
    init?(_ settings: Configuration.Notify, log: String, loop: EventLoop) {
        states = settings.states
        lines = NotificationChannel.all(settings).map { Line($0) }
        self.log = log
        self.loop = loop
        if lines.isEmpty || states.isEmpty { return nil }
    }

    /// The session does something else now.
    func changed(_ summary: SessionSummary) {
        guard isWanted(summary) else { return }
        let notice = SessionNotice(summary)
        for line in lines { tell(notice, by: line) }
    }

    /// The session is over and cleared away. Nothing is waited for.
    func ended(_ summary: SessionSummary) {
        guard isWanted(summary) else { return }
        let notice = SessionNotice(summary)
        for line in lines { _ = try? start(notice, line.channel) }
    }

    private func isWanted(_ summary: SessionSummary) -> Bool {
        isOpen && NotifiedState(rawValue: summary.state.rawValue).map(states.contains) ?? false
    }

    private func tell(_ notice: SessionNotice, by line: Line) {
        guard line.process == nil else {
            line.next = notice
            return
        }
        // Where no process can be started, a notification is the least that is missing.
        guard let process = try? start(notice, line.channel) else { return }
        line.process = process
        loop.watch(process.socket.number) { [unowned self, unowned line] _ in self.finish(line) }
    }

    /// Its end of the socket is closed: it has ended.
    private func finish(_ line: Line) {
        guard let process = line.process else { return }
        loop.unwatch(process.socket.number)
        var status: Int32 = 0
        while waitpid(process.pid, &status, 0) < 0 && errno == EINTR {}
        line.process = nil
        guard let next = line.next else { return }
        line.next = nil
        tell(next, by: line)
    }

    /// Starts the process that tells, `coop notify`. What it is to tell goes through a socket: arguments can be read by everybody.
    private func start(_ notice: SessionNotice, _ channel: NotificationChannel) throws -> (pid: pid_t, socket: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        let ours = Descriptor(owning: ends[0])
        let theirs = Descriptor(owning: ends[1])
        let order = JSONValue([
            "channel": .string(channel.name), "value": .string(channel.value), "log": .string(log), "notice": notice.json,
        ])
        let bytes = Array(order.text().utf8)
        // Never waits: a few kilobytes fit into every socket, and an order that does not is not worth more.
        let sent = bytes.withUnsafeBytes { send(ours.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        guard sent == bytes.count else { throw SystemError("send") }
        shutdown(ours.number, Int32(SHUT_WR))
        let pid = try DetachedProcess.start("/proc/self/exe", ["coop", "notify"], directory: "/", input: theirs.number)
        return (pid, ours)
    }
}
