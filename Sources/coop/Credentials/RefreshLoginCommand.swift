import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Vault

/// Refreshes a login in a process of its own; started by coop, not by people.
///
/// A refresh token works once. A process that asks a server for new ones and is killed before it has written them down has lost the login,
/// so this one is in a session of its own, and goes on when the sandbox that needs the tokens is gone.
struct RefreshLoginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh-login", abstract: "Refresh a login for a sandbox.", shouldDisplay: false)

    @Flag(help: "The login is one at an MCP server.") var mcp = false

    @Option(help: "Which login of the agent's.") var profile: String?

    @Argument(help: ArgumentHelp("The name of an agent, or of a login at an MCP server.", valueName: "NAME")) var name: String

    @Argument(help: ArgumentHelp("The digest of the access token that is not good any more.", valueName: "DIGEST")) var digest: String

    func run() throws {
        for number in [SIGHUP, SIGPIPE, SIGINT, SIGTERM] { signal(number, SIG_IGN) }
        do throws(CoopError) {
            try refresh()
        } catch {
            FileHandleOutput.standardOutput(RefreshProcess.text(of: error))
            throw ProcessResult(code: 1)
        }
    }

    private func refresh() throws(CoopError) {
        guard let digest = TokenDigest(digits: digest) else { throw RefreshLoginCommand.unknown(name) }
        let context = try Context()
        let network = try GrantMCPCommand.network(context)
        guard mcp else {
            guard let service = try context.login(named: name) else { throw RefreshLoginCommand.unknown(name) }
            let transport = HostRequests.transport(network, context: context)
            let name = try profile.map { (text) throws(CoopError) in try ProfileName(text) } ?? .host
            let file = AgentLogins(service, context: context, project: nil).file(name)
            try OAuthRefresher(file, transport: transport.send).refresh(unlessChangedFrom: digest)
            return
        }
        let name = try SecretName(name)
        // As for the sandbox that asks: that a server was named at the login opens no address here.
        let transport = HostRequests.transport(network, context: context)
        try GrantMCPCommand.find(name, context).store.refresh(
            name, now: GrantMCPCommand.now(), unlessChangedFrom: digest, transport: transport.send)
    }

    private static func unknown(_ name: String) -> CoopError {
        CoopError(.notFound, "cannot refresh the login `\(name.printable)`", "there is none like that", next: "coop grant list")
    }
}
