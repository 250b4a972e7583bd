import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Vault

/// Tells a person what a session does, by one channel; started by coop, not by people.
struct NotifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Tell a person what a session does.", shouldDisplay: false)

    func run() throws {
        for number in [SIGHUP, SIGPIPE, SIGINT, SIGTERM] { signal(number, SIG_IGN) }
        guard isatty(0) == 0, let bytes = try? Descriptor(owning: dup(0)).readAll(limit: 1 << 18, subject: "notification"),
            let order = JSONValue.parsed(bytes), let name = order["channel"]?.string,
            let channel = NotificationChannel(name: name, value: order["value"]?.string ?? ""),
            let notice = order["notice"].flatMap(SessionNotice.init)
        else { throw CoopError(.usage, "cannot notify", "this command is started by coop itself", next: "coop config get notify.command") }
        do throws(CoopError) {
            try NotificationDelivery(channel: channel, notice: notice).run()
        } catch {
            if let log = order["log"]?.string { NotifyCommand.complain(channel, error, log) }
        }
    }

    /// Says once in a session's `coop.log` that its person cannot be told.
    private static func complain(_ channel: NotificationChannel, _ error: CoopError, _ log: String) {
        let beginning = "coop: cannot notify by `notify.\(channel.name)`"
        let said = (try? FileSystem.read(log, limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        if said.contains(beginning) { return }
        let line = "\(beginning): \(error.why.printable)\n"
        // A log that is gone belongs to a session that nobody wants to know of any more.
        try? Descriptor.open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600).writeAll(Array(line.utf8), subject: log)
    }
}
