import Agents
import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Vault

struct AuthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth", abstract: "Log agents in, and see who is logged in.",
        discussion: """
            An agent that is logged in on this machine needs nothing of this. A login of coop's own is kept for all projects, outside of
            every sandbox.

            Examples:
              coop auth login --agent claude
              coop auth list
            """,
        subcommands: [AuthLogin.self, AuthList.self, AuthRemove.self])
}

struct AuthLogin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log an agent in, by its own login in a sandbox made for it.",
        discussion: """
            The sandbox reaches only what the login needs. The address to open in a browser is shown, and the browser comes back by a port of
            the loopback interface.

            Examples:
              coop auth login --agent claude
              coop auth login --agent codex --profile work
              coop auth login --agent claude -- --console      with an option of the agent's own command
            """)

    @OptionGroup var choice: AgentOption
    @Option(help: ArgumentHelp("The profile; without it, the project's, else `default`.", valueName: "NAME"))
    var profile: String?
    @Argument(parsing: .postTerminator, help: ArgumentHelp("Arguments for the agent's own command.", valueName: "ARG"))
    var further: [String] = []

    func run() throws {
        let context = try Context()
        let agent = try choice.find(context)
        let sandbox = try LoginSandbox(agent)
        let logins = AgentLogins(sandbox.service, context: context, project: try context.projectIfAny())
        let name = try name(logins)
        let options = RunOptions(network: "scoped", workspace: "none", ephemeral: true)
        let run = try SandboxRun(context: context, options: options, command: sandbox.command(further), login: sandbox)
        let ended: (code: Int32, interrupted: Bool)
        let result: Result<(contents: [UInt8], account: String?), CoopError>
        do {
            ended = try run.run(terminal: nil)
            do throws(CoopError) { result = .success(try sandbox.result()) } catch { result = .failure(error) }
        } catch {
            try? run.cleanUp()
            throw error
        }
        try run.cleanUp()
        for line in run.refusals { FileHandleOutput.standardError(line) }
        if ended.interrupted { Interrupt.dieOf(SIGINT) }
        let (contents, account) = try result.get()
        try logins.prepareStore()
        try logins.store.set(name, sandbox.service, contents: contents, account: account)
        let whose = account.map { " as \($0)" } ?? ""
        FileHandleOutput.standardError("coop: \(agent.name) is logged in\(whose) (profile \(name))\n")
    }

    private func name(_ logins: AgentLogins) throws -> ProfileName {
        let asked = try profile.map { try ProfileName($0) }
        if asked == .host {
            throw CoopError(
                .usage, "cannot log in with the profile `host`", "it stands for the login that the agent itself keeps on this machine",
                next: logins.service.loginCommand)
        }
        let pinned = try logins.pins?.pin(of: logins.service.name)
        return asked ?? (pinned == .host ? nil : pinned) ?? .standard
    }
}

struct AuthList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the agents' logins: whose they are, where they come from, when they end.",
        discussion: """
            The one that sandboxes of this project get is marked.

            Examples:
              coop auth list
              coop auth list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        var version = 1
        var logins: [AgentLogins.Entry]
    }

    func run() throws {
        let context = try Context()
        let project = try context.projectIfAny()
        var entries: [AgentLogins.Entry] = []
        for agent in try AgentCatalog(directory: context.home.directory(.agents)).all() {
            guard let service = agent.login?.service else { continue }
            entries += try AgentLogins(service, context: context, project: project).entries()
        }
        if json {
            print(try JSONText.encode(Listing(logins: entries)))
            return
        }
        var rows = [["AGENT", "PROFILE", "FROM", "ACCOUNT", "ENDS", "STATE", "HERE"]]
        for entry in entries {
            let ends = entry.expires.map { entry.isRefreshed ? "refreshed" : Timestamp.text($0) } ?? "-"
            rows.append([
                entry.agent, entry.profile, entry.from, entry.account ?? "-", ends, entry.state.printable,
                entry.reason.map { "used (\($0))" } ?? "",
            ])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
    }
}

struct AuthRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget a login that coop keeps; the profile stays.",
        discussion: """
            Examples:
              coop auth rm --agent claude
              coop auth rm --agent codex --profile work
            """)

    @OptionGroup var choice: AgentOption
    @Option(help: ArgumentHelp("The profile; without it, `default`.", valueName: "NAME"))
    var profile: String?

    func run() throws {
        let logins = try choice.logins(try Context())
        let name = try profile.map { try ProfileName($0) } ?? .standard
        if name == .host {
            throw CoopError(
                .usage, "cannot forget the login `host`", "the agent itself keeps it on this machine",
                next: "log out with \(logins.service.name) itself")
        }
        guard try logins.store.holdsLogin(name) else {
            throw CoopError(
                .notFound, "there is no login of \(logins.service.name) in the profile `\(name)`", "coop keeps none of that name",
                next: "coop auth list")
        }
        try logins.store.remove(name)
        if name != .standard { try logins.store.add(name) }
    }
}
