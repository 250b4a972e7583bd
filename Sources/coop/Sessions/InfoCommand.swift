import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import Vault

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Say everything that is known of a session.",
        discussion: """
            Examples:
              coop info fix-auth
              coop info k3x9 --json
            """)

    @Flag(help: "Print JSON.") var json = false

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let entry = try entry(context)
        if json {
            print(JSONValue.object([.init("version", .number("1")), .init("session", entry.json)]).text(indented: true))
            return
        }
        var lines: [(String, String)] = [("id", entry.id)]
        func add(_ name: String, _ value: String?) { if let value { lines.append((name, value.printable)) } }
        add("name", entry.name)
        add("label", entry.label)
        add("state", "\(entry.shownState), for \(Age.text(seconds: max(0, Int64(time(nil)) - entry.since)))")
        add("reason", entry.reason)
        add("agent", entry.agent)
        add("profile", entry.profile)
        add("task", entry.task.map { "\($0), branch coop/\($0)" })
        add("workspace", context.home.abbreviated(entry.workspace))
        add("command", entry.command.map(\.shellQuoted).joined(separator: " "))
        add("started", InfoCommand.moment(entry.started))
        add("ended", entry.ended.map(InfoCommand.moment))
        add("tokens", entry.inputTokens.map { "\($0) in, \(entry.outputTokens ?? 0) out" })
        add("cost", entry.costUSD.map { "$\(Double(Int($0 * 10000 + 0.5)) / 10000)" })
        add("terminal", entry.hasTerminal && entry.supervisor != nil ? "coop attach \(entry.id)" : nil)
        add("supervisor", entry.supervisor.map { "process \($0)" })
        add("log", entry.log.map { context.home.abbreviated($0) })
        let width = lines.map(\.0.count).max() ?? 0
        for (name, value) in lines { print(name + String(repeating: " ", count: width - name.count + 2) + value) }
    }

    /// One that is too young for a log is known by its sandbox alone.
    private func entry(_ context: Context) throws -> SessionEntry {
        let all = try SessionEntry.all(context: context, ended: false)
        if let found = all.first(where: { $0.id == id || $0.name == id }) { return found }
        let session = try SessionStore(context: context).find(id)
        return all.first { $0.id == session.id } ?? SessionEntry(session)
    }

    /// A moment in the user's own time zone: `2026-03-01 12:00:00`.
    private static func moment(_ seconds: Int64) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        localtime_r(&moment, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
