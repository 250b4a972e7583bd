import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Projects
import Vault

/// Brings one notice to a person, and waits until it has arrived.
struct NotificationDelivery {
    let channel: NotificationChannel
    let notice: SessionNotice

    /// How long a command may take, in seconds.
    private static var limit: Int {
        #if COOP_TEST_HOOKS
            if let text = environmentVariable("COOP_TEST_NOTIFY_LIMIT"), let seconds = Int(text) { return seconds }
        #endif
        return 30
    }

    /// - Throws: why it did not arrive.
    func run() throws(CoopError) {
        switch channel {
        case .desktop: try DesktopNotification.show(title: notice.words.title, body: notice.words.body)
        case .command(let text): try run(command: text)
        case .webhook(let address): try post(to: address)
        }
    }

    // MARK: - A command

    /// The texts stand in its environment alone: nothing of them becomes a part of the command.
    private func run(command: String) throws(CoopError) {
        for (name, value) in notice.variables { setenv(name, value, 1) }
        // Not in the workspace, where what a relative path means is up to the sandbox.
        let home = environmentVariable("HOME") ?? "/"
        let directory = FileSystem.kind(home) == .directory ? home : "/"
        var child = sigset_t()
        sigemptyset(&child)
        sigaddset(&child, SIGCHLD)
        // Kept until it is asked for, so that the end of a command cannot be missed.
        sigprocmask(SIG_BLOCK, &child, nil)
        let pid: pid_t
        do { pid = try DetachedProcess.start("/bin/sh", ["sh", "-c", command], directory: directory) } catch {
            throw failure(error.description)
        }
        let deadline = NotificationDelivery.now() + NotificationDelivery.limit
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            let left = deadline - NotificationDelivery.now()
            guard left > 0 else {
                // With everything that it has started, but for what has left its process group on purpose.
                kill(-pid, SIGKILL)
                while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
                throw failure("it did not end within \(NotificationDelivery.limit) seconds")
            }
            var patience = timespec(tv_sec: left, tv_nsec: 0)
            sigtimedwait(&child, nil, &patience)
        }
        if status & 0x7F != 0 { throw failure("it was ended by signal \(status & 0x7F)") }
        if status >> 8 & 0xFF != 0 { throw failure("it ended with exit code \(status >> 8 & 0xFF)") }
    }

    private static func now() -> Int {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return value.tv_sec
    }

    // MARK: - A server

    private func post(to address: String) throws(CoopError) {
        let context = try Context()
        // Without a project: nothing of a repository's decides where this leads.
        let network = try LoadedConfiguration.load(project: nil, home: context.home).resolve().effective.network
        let transport = HostRequests.transport(network, context: context, trusted: try MCPServerURL(address))
        let reply = try transport.send(
            HTTPRequest(
                method: "POST", url: address, fields: ["content-type": "application/json"], body: Array(notice.json.text().utf8)))
        guard (200..<300).contains(reply.status) else { throw failure("the server answers with \(reply.status)") }
    }

    private func failure(_ why: String) -> CoopError {
        CoopError(.failed, "cannot notify", why, next: "coop config get notify.\(channel.name)")
    }
}
