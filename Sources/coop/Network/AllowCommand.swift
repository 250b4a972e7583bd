import ArgumentParser
import CoopErrors
import LinuxKernel
import Policy
import Projects
import WardenProtocol

struct AllowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Let a host be reached from the live sandboxes of this project, at once.",
        discussion: """
            It holds until the sandbox ends; --save keeps it. Exit code 1 when a rule that denies still refuses the host.

            Examples:
              coop allow api.example.com
              coop allow '*.example.org:8443' --session fix-auth
              coop allow api.example.com --save
            """)

    @OptionGroup var change: ChangeArguments

    func run() throws { try change.run(.allow) }
}

struct DenyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny", abstract: "Keep a host out of reach of the live sandboxes of this project, at once.",
        discussion: """
            Connections to it that are open are cut off. It holds until the sandbox ends; --save keeps it.

            Examples:
              coop deny telemetry.example.com
              coop deny '*.example.org' --session fix-auth
            """)

    @OptionGroup var change: ChangeArguments

    func run() throws { try change.run(.deny) }
}

/// What `allow` and `deny` share.
struct ChangeArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Only this sandbox: a name, an id or the beginning of an id.", valueName: "ID"))
    var session: String?

    @Flag(help: "Keep it in your own configuration, for every later sandbox.") var save = false
    @Flag(help: "Print JSON.") var json = false

    @Argument(help: ArgumentHelp("Hosts: example.com, *.example.com, example.com:8443.", valueName: "HOST"))
    var hosts: [String]

    private struct Report: Encodable {
        struct Session: Encodable {
            var session: String
            var name: String?
            var effects: [NetworkState.Effect]
        }

        var version = 1
        var action: String
        var hosts: [String]
        var saved: Bool
        var sessions: [Session]
    }

    func run(_ action: NetworkChange.Action) throws {
        let word = action == .allow ? "allow" : "deny"
        guard hosts.count <= NetworkChange.hostLimit, hosts.allSatisfy({ $0.utf8.count <= NetworkChange.textLimit }) else {
            throw CoopError(
                .usage, "cannot \(word) that many hosts", "\(NetworkChange.hostLimit) are the most", next: "coop \(word) --help")
        }
        // All of it is read before anything is changed anywhere.
        for host in hosts {
            do throws(CoopError) { _ = try LiveRules.rule(action == .allow ? .allow : .deny, host) } catch {
                // It names the command as its origin, and coop's name stands in front of it anyway.
                let origin = "coop \(word): "
                let what = error.what.hasPrefix(origin) ? String(error.what.dropFirst(origin.count)) : error.what
                throw CoopError(.usage, what, error.why, next: error.next)
            }
        }
        let context = try Context()
        try Sweep(context: context).run()
        let sandboxes = try LiveSandbox.find(session, context: context)
        guard !sandboxes.isEmpty || save else {
            throw CoopError(
                .notFound, "nothing was changed", "no sandbox of \(try context.project().shownRoot.printable) is running",
                next: "coop \(word) --save \(hosts.map(\.shellQuoted).joined(separator: " "))")
        }
        if save { try SavedRules(home: context.home).add(hosts, to: action == .allow ? .allow : .deny) }
        let states = try sandboxes.map { try $0.ask(.change(NetworkChange(action, hosts: hosts))) }
        if json {
            let sessions = states.map { Report.Session(session: $0.session, name: $0.name, effects: $0.effects) }
            print(try JSONText.encode(Report(action: word, hosts: hosts, saved: save, sessions: sessions)))
        } else {
            if save {
                print(
                    "\(word) \(hosts.joined(separator: " ").printable): kept in \(context.home.abbreviated(context.home.configurationFile))"
                )
            }
            for state in states { print("\(word) \(hosts.joined(separator: " ").printable): in force in \(state.name ?? state.session)") }
        }
        let refused = states.flatMap { state in state.effects.compactMap { effect in effect.refusedBy.map { (state, effect.host, $0) } } }
        for (state, host, rule) in refused {
            FileHandleOutput.standardError(
                "coop: \(host.printable) stays refused in \(state.session): \(rule.printable)\nNext: coop policy show\n")
        }
        if !refused.isEmpty { throw ProcessResult(code: 1) }
    }
}
