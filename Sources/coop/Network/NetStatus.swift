import ArgumentParser
import LinuxKernel
import Policy
import WardenProtocol

struct NetStatus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what live sandboxes may reach, and what became of their connections so far.",
        discussion: """
            Examples:
              coop net status
              coop net status fix-auth --json
            """)

    @Flag(help: "Print JSON.") var json = false

    @Argument(help: ArgumentHelp("Only this sandbox: a name, an id or the beginning of an id.", valueName: "ID")) var id: String?

    private struct Listing: Encodable {
        var version = 1
        var sandboxes: [NetworkState]
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let sandboxes = if id != nil { try LiveSandbox.find(id, context: context) } else { try LiveSandbox.all(context: context) }
        let states = try sandboxes.map { try $0.ask(.report) }
        if json { return print(try JSONText.encode(Listing(sandboxes: states))) }
        FileHandleOutput.standardOutput(states.map { text($0, context: context) }.joined(separator: "\n"))
    }

    private func text(_ state: NetworkState, context: Context) -> String {
        var result = "\(state.session)\(state.name.map { " (\($0))" } ?? "")  \(context.home.abbreviated(state.workspace).printable)\n"
        guard state.gateway else { return result + "  network none\n" }
        let refused = state.refusals.reduce(0) { $0 + $1.count }
        result += "  network \(state.policy.mode.rawValue): \(state.allowed) allowed, \(refused) refused"
        result += ", \(state.bytesOut) bytes out, \(state.bytesIn) bytes in\n"
        if let failure = state.failure { result += "  closed: \(failure.printable)\n" }
        let rows = state.policy.rules.map { rule in
            ["  " + "\(rule)".printable, rule.origin.printable + (LiveRules.isLive(rule) ? " (live)" : "")]
        }
        if !rows.isEmpty { result += Table.text(rows) }
        for refusal in state.refusals {
            result += "  refused \(refusal.reason.printable)\(refusal.count > 1 ? " (\(refusal.count) times)" : "")\n"
        }
        return result
    }
}
