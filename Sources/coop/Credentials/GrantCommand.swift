import Agents
import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects
import Substitution
import Vault

struct GrantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant", abstract: "Let sandboxes use credentials that they cannot read.",
        discussion: """
            A program inside gets a stub. On the way out, and only to the hosts of the grant, the stub becomes the real value.

            Examples:
              coop grant providers
              coop grant add github --provider github --secret GITHUB_TOKEN
              coop grant add claude --provider claude
              coop grant add example --domain api.example.com --header Authorization --template 'Bearer {value}' --secret EXAMPLE_TOKEN
            """,
        subcommands: [GrantAdd.self, GrantList.self, GrantRemove.self, GrantProviders.self, GrantMCPCommand.self])
}

/// Which file grants are kept in.
struct GrantFileOptions: ParsableArguments {
    @Flag(help: "In the project's coop.toml, where others who use the project are asked to approve it.") var project = false
    @Flag(help: "In the project's coop.local.toml.") var local = false

    func validate() throws {
        if project && local { throw ValidationError("Choose one of --project and --local.") }
    }

    /// Without an option the user's own file.
    func editor(_ context: Context) throws(CoopError) -> ConfigurationEditor {
        if !project && !local { return ConfigurationEditor(.user(context.home), home: context.home) }
        let found = try context.project()
        return ConfigurationEditor(local ? .local(found) : .project(found), home: context.home)
    }
}

struct GrantAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a grant: for a service that coop knows, or for one place on one host.",
        discussion: """
            The credential is a stored secret (--secret), or is read when it is used (--source): env:VAR, file:PATH, file:PATH#/json/pointer,
            cmd:COMMAND, secret-service:NAME=VALUE. A provider that is an agent's login on this machine needs neither.

            Examples:
              coop grant add github --provider github --source 'cmd:gh auth token'
              coop grant add aws --provider aws --source 'cmd:aws configure export-credentials'
              coop grant add wiki --domain wiki.example.com --basic-user me --secret WIKI_PASSWORD
              coop grant add maps --domain maps.example.com --query key --source env:MAPS_KEY
            """)

    @OptionGroup var file: GrantFileOptions
    @Option(help: ArgumentHelp("A service that coop knows.", valueName: "NAME")) var provider: String?
    @Option(help: ArgumentHelp("The host: api.example.com, *.example.com, with :PORT if it is not 443.", valueName: "HOST")) var domain:
        String?
    @Option(help: ArgumentHelp("The header it goes into.", valueName: "NAME")) var header: String?
    @Option(help: ArgumentHelp("Or the query parameter.", valueName: "NAME")) var query: String?
    @Option(help: ArgumentHelp("Or the cookie.", valueName: "NAME")) var cookie: String?
    @Option(help: ArgumentHelp("Or the user name for basic authentication.", valueName: "NAME")) var basicUser: String?
    @Option(help: ArgumentHelp("The text around the value: 'Bearer {value}'.", valueName: "TEXT")) var template: String?
    @Option(help: ArgumentHelp("The stored secret.", valueName: "NAME")) var secret: String?
    @Option(help: ArgumentHelp("Or where the value is read.", valueName: "SOURCE")) var source: String?
    @Option(
        help: ArgumentHelp("A variable that holds the stub inside, in place of the usual ones. Can be repeated.", valueName: "VARIABLE"))
    var env: [String] = []
    @Argument(help: ArgumentHelp("The grant's name.", valueName: "NAME")) var name: String

    func validate() throws {
        if try login() != nil {
            if secret != nil || source != nil || !env.isEmpty {
                throw ValidationError("A login on this machine is used as it is: leave out --secret, --source and --env.")
            }
        } else if (secret == nil) == (source == nil) {
            throw ValidationError("Give one of --secret and --source.")
        }
        let places = [header, query, cookie, basicUser].compactMap { $0 }.count
        if provider != nil, domain != nil || places > 0 || template != nil {
            throw ValidationError(
                "A provider knows its hosts and places: leave out --domain, --header, --query, --cookie, --basic-user, --template.")
        }
        if provider == nil, domain == nil || places != 1 {
            throw ValidationError("Give --provider, or --domain with one of --header, --query, --cookie and --basic-user.")
        }
    }

    /// The agent's login that the provider is.
    private func login() throws -> OAuthService? { try provider.flatMap { try Context().login(named: $0) } }

    func run() throws {
        let context = try Context()
        // What is wrong is found before anything is written.
        let service = try login()
        if let provider, service == nil { _ = try ProviderCatalog.find(provider) }
        if let domain { _ = try GrantDomain(domain) }
        if let secret { _ = try SecretName(secret) }
        if let source {
            if case .command = try SecretSource(source), file.project || file.local {
                throw CoopError(
                    .refused, "cannot add the grant `\(name.printable)`",
                    "a command that runs on this machine belongs into your own configuration",
                    next: "coop grant add --help   # without --project and --local")
            }
        }
        let editor = try file.editor(context)
        if try GrantAdd.names(in: editor.file).contains(name) {
            throw CoopError(
                .failed, "cannot add the grant `\(name.printable)`", "\(editor.file.name.printable) has one of that name",
                next: "coop grant remove \(name.printable)")
        }
        var pairs: [(key: String, value: ConfigurationEditor.RecordValue)] = [("name", .text(name))]
        for (key, value) in [
            ("provider", provider), ("domain", domain), ("header", header), ("query", query), ("cookie", cookie), ("basic_user", basicUser),
            ("template", template), ("secret", secret), ("source", source),
        ] {
            if let value { pairs.append((key, .text(value))) }
        }
        if !env.isEmpty { pairs.append(("env", .list(env))) }
        try editor.append(pairs, to: .grants)
        FileHandleOutput.standardError("Added to \(editor.file.name.printable).\n")
        if let service {
            let logins = AgentLogins(service, context: context, project: try context.projectIfAny())
            let file = logins.file(try logins.choice(nil).name)
            do throws(CoopError) { _ = try file.tokens() } catch {
                FileHandleOutput.standardError("\(error.message.printable)\nNext: \(file.service.loginCommand)\n")
            }
        }
        if let secret, try context.secrets().find(try SecretName(secret)) == nil {
            FileHandleOutput.standardError("There is no secret \(secret) yet.\nNext: coop secret add \(secret)\n")
        }
    }

    /// The grants that one file holds.
    static func names(in file: ConfigurationFile) throws(CoopError) -> [String] {
        guard let bytes = try file.read() else { return [] }
        return ConfigurationEditor.recordNames(bytes, file, key: .grants)
    }
}

struct GrantList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the grants of this project and the user, and whether their credentials are there.",
        discussion: """
            Examples:
              coop grant list
              coop grant list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        struct Entry: Encodable {
            var name: String
            var provider: String?
            var hosts: [String]
            var places: [String]
            var source: String
            var variables: [String]
            var origin: String
            /// `ready`, or why it is not.
            var state: String
        }
        var version = 1
        var grants: [Entry]
    }

    func run() throws {
        let context = try Context()
        let loaded = try LoadedConfiguration.load(project: try context.projectIfAny(), home: context.home)
        let resolver = try context.resolver()
        var entries: [Listing.Entry] = []
        let effective = loaded.resolve { _ in true }.effective
        for setting in effective.grants {
            let origin = "\(setting.origin)"
            do throws(CoopError) {
                if let service = try setting.login(context) {
                    entries.append(GrantList.entry(setting.value.name, service, origin, context))
                    continue
                }
                let grant = try setting.grant()
                entries.append(
                    Listing.Entry(
                        name: grant.name, provider: grant.provider,
                        hosts: GrantList.unique(grant.rules.flatMap { $0.domains.map(\.description) }),
                        places: GrantList.unique(grant.rules.flatMap { $0.places.map(\.kind.written) }), source: grant.source.text,
                        variables: grant.variables, origin: origin, state: GrantList.state(grant.source, resolver)))
            } catch {
                entries.append(
                    Listing.Entry(
                        name: setting.value.name, provider: nil, hosts: [setting.value.destination], places: [], source: "-", variables: [],
                        origin: origin, state: error.why))
            }
        }
        if json {
            print(try JSONText.encode(Listing(grants: entries)))
            return
        }
        var rows = [["NAME", "TO", "PLACES", "CREDENTIAL", "FROM", "STATE"]]
        for entry in entries {
            let hosts = entry.provider ?? entry.hosts.joined(separator: ", ")
            rows.append(
                [entry.name, hosts, entry.places.joined(separator: ", "), entry.source, entry.origin, entry.state].map {
                    $0.isEmpty ? "-" : $0.printable
                })
        }
        FileHandleOutput.standardOutput(Table.text(rows))
    }

    private static func entry(_ name: String, _ service: OAuthService, _ origin: String, _ context: Context) -> Listing.Entry {
        var state = "ready"
        do throws(CoopError) {
            let logins = AgentLogins(service, context: context, project: try context.projectIfAny())
            _ = try logins.file(try logins.choice(nil).name).tokens()
        } catch { state = error.what }
        return Listing.Entry(
            name: name, provider: service.name, hosts: unique(service.rules.flatMap { $0.domains.map(\.description) }),
            places: unique(service.rules.flatMap { $0.places.map(\.kind.written) }), source: "login", variables: [], origin: origin,
            state: state)
    }

    private static func unique(_ texts: [String]) -> [String] {
        var result: [String] = []
        for text in texts where !result.contains(text) { result.append(text) }
        return result
    }

    /// A listing runs no program and asks no keyring: those may ask the user.
    private static func state(_ source: SecretSource, _ resolver: SecretResolver) -> String {
        switch source {
        case .command, .secretService: return "asked when used"
        case .stored, .environment, .file:
            do throws(CoopError) {
                _ = try resolver.value(source)
                return "ready"
            } catch {
                return error.what
            }
        }
    }
}

struct GrantRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a grant; the secret stays.",
        discussion: """
            Examples:
              coop grant remove github
              coop grant remove --project example
            """)

    @OptionGroup var file: GrantFileOptions
    @Argument(help: ArgumentHelp("The grant's name.", valueName: "NAME")) var name: String

    func run() throws {
        let editor = try file.editor(try Context())
        guard try editor.remove(named: name, from: .grants) else {
            throw CoopError(
                .notFound, "there is no grant `\(name.printable)` in \(editor.file.name.printable)", "the file does not hold it",
                next: "coop grant list")
        }
    }
}

struct GrantProviders: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "providers", abstract: "List the services that coop knows.",
        discussion: """
            Examples:
              coop grant providers
              coop grant providers --json
            """)

    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        struct Entry: Encodable {
            var name: String
            var title: String
            var hosts: [String]
            var places: [String]
            var variables: [String]
            var page: String?
        }
        var version = 1
        var providers: [Entry]
    }

    func run() throws {
        let agents = AgentCatalog(directory: try Context().home.directory(.agents))
        let logins = try agents.all().compactMap(\.login?.service).map { service in
            Listing.Entry(
                name: service.name, title: service.title, hosts: service.rules.flatMap { $0.domains.map(\.description) },
                places: ["header authorization"], variables: [], page: nil)
        }
        let entries = try
            (ProviderCatalog.all().map { provider in
                var hosts: [String] = []
                var places: [String] = []
                for rule in provider.rules {
                    for host in rule.domains.map(\.description) where !hosts.contains(host) { hosts.append(host) }
                    for place in rule.places.map(\.kind.written) where !places.contains(place) { places.append(place) }
                }
                return Listing.Entry(
                    name: provider.name, title: provider.title, hosts: hosts, places: provider.kind == .aws ? ["signature"] : places,
                    variables: provider.variables, page: provider.page)
            } + logins).sorted { $0.name < $1.name }
        if json {
            print(try JSONText.encode(Listing(providers: entries)))
            return
        }
        var rows = [["NAME", "SERVICE", "VARIABLES", "HOSTS"]]
        for entry in entries {
            rows.append([entry.name, entry.title, entry.variables.joined(separator: " "), entry.hosts.joined(separator: " ")])
        }
        FileHandleOutput.standardOutput(Table.text(rows))
    }
}
