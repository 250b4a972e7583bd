import Agents
import ArgumentParser
import CoopErrors
import LinuxKernel
import Vault

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Keep several logins of an agent, and choose one for each project.",
        discussion: """
            The choice is kept beside coop's other state, not in the repository. `host` stands for the login of this machine.

            Examples:
              coop profile add work --agent claude
              coop auth login --agent claude --profile work
              coop profile current work --agent claude     this project uses it from now on
              coop run --profile work claude               or once
            """,
        subcommands: [ProfileAdd.self, ProfileList.self, ProfileCurrent.self, ProfileRemove.self])
}

struct ProfileAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a profile of an agent; nobody is logged in with it yet.",
        discussion: """
            Example:
              coop profile add work --agent claude
            """)

    @OptionGroup var choice: AgentOption
    @Argument(help: ArgumentHelp("The profile's name.", valueName: "NAME")) var name: String

    func run() throws {
        let logins = try choice.logins(try Context())
        let profile = try ProfileName(name)
        try logins.prepareStore()
        let isNew = try profile != .host && logins.store.add(profile)
        guard isNew else {
            throw CoopError(
                .failed, "cannot add the profile `\(profile)`", "\(logins.service.name) has one of that name", next: "coop profile list")
        }
        FileHandleOutput.standardError("Next: \(logins.file(profile).service.loginCommand)\n")
    }
}

struct ProfileList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the profiles of an agent, or of all.",
        discussion: """
            Examples:
              coop profile list
              coop profile list --agent claude --json
            """)

    @Option(help: ArgumentHelp("Only this agent's.", valueName: "NAME")) var agent: String?
    @Flag(help: "Print JSON.") var json = false

    private struct Listing: Encodable {
        struct Entry: Encodable {
            var agent: String
            var profile: String
            var loggedIn: Bool
            var current: Bool
        }
        var version = 1
        var profiles: [Entry]
    }

    func run() throws {
        let context = try Context()
        let project = try context.projectIfAny()
        var entries: [Listing.Entry] = []
        let catalog = AgentCatalog(directory: context.home.directory(.agents))
        let agents = try agent == nil ? catalog.all() : [AgentOption.find(agent, context)]
        for service in agents.compactMap(\.login?.service) {
            entries += try AgentLogins(service, context: context, project: project).entries().map {
                Listing.Entry(agent: $0.agent, profile: $0.profile, loggedIn: $0.state == "ready", current: $0.reason != nil)
            }
        }
        if json {
            print(try JSONText.encode(Listing(profiles: entries)))
            return
        }
        let rows = entries.map { [$0.agent, $0.profile, $0.loggedIn ? "ready" : "not logged in", $0.current ? "used here" : ""] }
        FileHandleOutput.standardOutput(Table.text([["AGENT", "PROFILE", "LOGIN", "HERE"]] + rows))
    }
}

struct ProfileCurrent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "current", abstract: "Show which profile this project uses, or choose one for it.",
        discussion: """
            Examples:
              coop profile current --agent claude             shows it, and why
              coop profile current work --agent claude        chooses it for this project
              coop profile current --clear --agent claude     chooses none
            """)

    @OptionGroup var choice: AgentOption
    @Flag(help: "Choose none for this project.") var clear = false
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The profile to use here.", valueName: "NAME")) var name: String?

    func validate() throws {
        if clear, name != nil { throw ValidationError("Give a profile or --clear.") }
    }

    private struct Answer: Encodable {
        var version = 1
        var agent: String
        var profile: String
        /// Why it is this one.
        var reason: String
    }

    func run() throws {
        let context = try Context()
        let logins = try choice.logins(context)
        let agent = logins.service.name
        if clear || name != nil {
            guard let pins = logins.pins else {
                throw CoopError(.usage, "cannot choose a profile here", "this directory belongs to no project", next: "cd PROJECT")
            }
            if clear {
                try pins.remove(of: agent)
                return
            }
            let profile = try name.map { try ProfileName($0) } ?? .standard
            _ = try logins.choice(profile)
            try logins.preparePins()
            try pins.set(profile, of: agent)
            return
        }
        let (profile, reason) = try logins.choice(nil)
        if json {
            print(try JSONText.encode(Answer(agent: agent, profile: profile.text, reason: reason.rawValue)))
        } else {
            print("\(profile)  (\(reason.rawValue))")
        }
    }
}

struct ProfileRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove a profile, and its login.",
        discussion: """
            Example:
              coop profile rm work --agent claude
            """)

    @OptionGroup var choice: AgentOption
    @Argument(help: ArgumentHelp("The profile's name.", valueName: "NAME")) var name: String

    func run() throws {
        let logins = try choice.logins(try Context())
        let profile = try ProfileName(name)
        guard try logins.store.remove(profile) else {
            throw CoopError(
                .notFound, "there is no profile `\(profile)` of \(logins.service.name)", "coop keeps none of that name",
                next: "coop profile list")
        }
        if let pins = logins.pins, try pins.pin(of: logins.service.name) == profile { try pins.remove(of: logins.service.name) }
    }
}
