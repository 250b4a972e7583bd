import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Vault

struct GrantMCPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Log in at MCP servers, for sandboxes that never hold the tokens.",
        discussion: """
            Examples:
              coop grant mcp auth https://mcp.example.com/v1
              coop grant mcp list
            """,
        subcommands: [GrantMCPAuth.self, GrantMCPList.self, GrantMCPRefresh.self, GrantMCPRemove.self])

    /// What the user's own configuration says of the network; it holds in a home directory as well.
    static func network(_ context: Context) throws(CoopError) -> Configuration.Network {
        try LoadedConfiguration.load(project: try context.projectIfAny(), home: context.home).resolve { _ in false }.effective.network
    }

    /// The login of that name, with its store.
    static func find(_ name: SecretName, _ context: Context) throws(CoopError) -> (login: MCPLogin, store: MCPLoginStore) {
        for (_, store) in try context.mcpStores() { if let login = try store.find(name) { return (login, store) } }
        throw CoopError(.notFound, "there is no login `\(name)`", "nothing of that name is kept here", next: "coop grant mcp list")
    }

    static func now() -> Int64 { Int64(time(nil)) }
}

struct GrantMCPAuth: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth", abstract: "Log in at an MCP server in a browser.",
        discussion: """
            Prints an address for the browser, and waits until it comes back. The login is kept for this project, and used by its sandboxes.

            Examples:
              coop grant mcp auth https://mcp.example.com/v1
              coop grant mcp auth --name tracker --scope read --scope write https://mcp.example.com/v1
            """)

    @OptionGroup var place: SecretScopeOptions
    @Option(help: ArgumentHelp("The login's name; the server's host without it.", valueName: "NAME")) var name: String?
    @Option(help: ArgumentHelp("The client's id, for a server where programs cannot register.", valueName: "ID")) var clientId: String?
    @Option(help: ArgumentHelp("What is asked for, instead of what the server names. Can be repeated.", valueName: "SCOPE"))
    var scope: [String] = []
    @Option(help: ArgumentHelp("The port of the loopback interface where the browser comes back; any without it.", valueName: "PORT"))
    var port: UInt16 = 0
    @Option(help: ArgumentHelp("How long to wait for the browser, in seconds.", valueName: "SECONDS")) var timeout: Int = 300
    @Flag(help: "Print JSON: first the address to visit, then the login.") var json = false
    @Argument(help: ArgumentHelp("The server's address.", valueName: "URL")) var url: String

    private struct Visit: Encodable {
        var version = 1
        var visit: String
    }

    private struct Done: Encodable {
        var version = 1
        var login: MCPLoginListing
    }

    func validate() throws {
        if timeout < 1 { throw ValidationError("The timeout is at least one second.") }
    }

    func run() throws {
        let context = try Context()
        let server = try MCPServerURL(url)
        let name = try SecretName(name ?? server.host)
        let scope = try place.scope(context)
        let transport = HostRequests.transport(try GrantMCPCommand.network(context), context: context, trusted: server)
        let callback = try LoopbackCallback(port: port)
        var login = MCPAuthorization(server: server, redirect: callback.address, clientID: clientId, scopes: self.scope)
        while true {
            switch login.action {
            case .send(let request): try login.receive(try transport.send(request), now: GrantMCPCommand.now())
            case .browse(let address):
                if json {
                    // At once, also into a pipe: whoever reads it opens the browser.
                    FileHandleOutput.standardOutput(try JSONText.encode(Visit(visit: address), pretty: false) + "\n")
                } else {
                    FileHandleOutput.standardError("Open this address in your browser:\n\n\(address)\n\n")
                }
                try callback.wait(seconds: timeout) { query in try login.receive(callback: query) }
            case .done(let made):
                try keep(made, name, scope, context)
                return
            }
        }
    }

    private func keep(_ login: MCPLogin, _ name: SecretName, _ scope: SecretStore.Scope, _ context: Context) throws {
        let directory = try context.mcpDirectory(scope)
        if scope == .project { try context.keep(try context.project()) }
        try context.home.prepare(directory)
        try MCPLoginStore(directory: directory).set(name, login)
        if json {
            FileHandleOutput.standardOutput(try JSONText.encode(Done(login: MCPLoginListing(name, login, scope)), pretty: false) + "\n")
        } else {
            FileHandleOutput.standardError(
                "Logged in at \(login.server.printable) as `\(name)`, \(scope == .global ? "for all projects" : "for this project").\n")
        }
        if !login.server.hasPrefix("https://") {
            FileHandleOutput.standardError("It is reached without TLS: no sandbox's request gets its token.\n")
        }
    }
}

/// A login as it is listed: nothing secret.
struct MCPLoginListing: Encodable {
    var name: String
    var server: String
    var issuer: String
    var scopes: String?
    var scope: String
    /// Seconds since 1970.
    var expires: Int64?
    var refreshable: Bool

    init(_ name: SecretName, _ login: MCPLogin, _ scope: SecretStore.Scope) {
        self.name = name.text
        server = login.server
        issuer = login.issuer
        scopes = login.scope
        self.scope = scope.rawValue
        expires = login.tokens.expiresAt.map { $0 / 1000 }
        refreshable = login.tokens.refresh != nil
    }

    func state(_ now: Int64) -> String {
        guard let expires, expires <= now else { return "ready" }
        return refreshable ? "refreshed when used" : "ended"
    }
}

struct GrantMCPList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the logins at MCP servers, without their tokens.",
        discussion: """
            Examples:
              coop grant mcp list
              coop grant mcp list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        var version = 1
        var logins: [MCPLoginListing]
    }

    func run() throws {
        let context = try Context()
        var logins: [MCPLoginListing] = []
        for (scope, store) in try context.mcpStores() {
            for (name, login) in try store.list() { logins.append(MCPLoginListing(name, login, scope)) }
        }
        if json {
            print(try JSONText.encode(Listing(logins: logins)))
            return
        }
        let now = GrantMCPCommand.now()
        var rows = [["NAME", "SERVER", "FOR", "STATE"]]
        for login in logins { rows.append([login.name, login.server.printable, login.scope, login.state(now)]) }
        FileHandleOutput.standardOutput(Table.text(rows))
    }
}

struct GrantMCPRefresh: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh", abstract: "Get new tokens for a login now; sandboxes do it by themselves.",
        discussion: """
            Examples:
              coop grant mcp refresh mcp.example.com
            """)

    @Argument(help: ArgumentHelp("The login's name.", valueName: "NAME")) var name: String

    func run() throws {
        let context = try Context()
        let name = try SecretName(name)
        let (login, store) = try GrantMCPCommand.find(name, context)
        let transport = HostRequests.transport(
            try GrantMCPCommand.network(context), context: context, trusted: try MCPServerURL(login.server))
        _ = try store.current(
            name, now: GrantMCPCommand.now(), unlessChangedFrom: login.tokens.access, transport: transport.send)
        FileHandleOutput.standardError("The login `\(name)` has new tokens.\n")
    }
}

struct GrantMCPRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget a login at an MCP server.",
        discussion: """
            The server is not told: where it can, end the login there as well.

            Examples:
              coop grant mcp remove mcp.example.com
            """)

    @OptionGroup var place: SecretScopeOptions
    @Argument(help: ArgumentHelp("The login's name.", valueName: "NAME")) var name: String

    func run() throws {
        let context = try Context()
        let name = try SecretName(name)
        guard try MCPLoginStore(directory: try context.mcpDirectory(try place.scope(context))).remove(name) else {
            throw CoopError(.notFound, "there is no login `\(name)`", "nothing of that name is kept there", next: "coop grant mcp list")
        }
    }
}
