import Agents
import CoopErrors
import Glibc
import LinuxKernel
import Policy
import Projects
import Sandbox
import Vault
import Workspaces

/// An agent that a command names, with what its file adds to the sandbox.
struct AgentRun {
    let agent: Agent
    /// What stands behind its name.
    private let own: [String]
    private let options: RunOptions

    /// - Returns: nil when the command's first word is no agent.
    static func find(_ command: [String], options: RunOptions, context: Context) throws(CoopError) -> AgentRun? {
        guard let name = command.first, let agent = try AgentCatalog(directory: context.home.directory(.agents)).agent(named: name) else {
            return nil
        }
        return AgentRun(agent: agent, own: Array(command.dropFirst()), options: options)
    }

    /// What agents obey in a project. Whichever of them is run, or none: a person starts another one there tomorrow.
    static func protected(_ context: Context) throws(CoopError) -> [ProtectedPaths.Entry] {
        try AgentCatalog(directory: context.home.directory(.agents)).settings().map { setting in
            ProtectedPaths.Entry(setting: setting.path, reason: "\(setting.title) obeys it")
        }
    }

    // MARK: - Configuration

    /// What it needs of the network and of credentials, as the lowest layer of the configuration but for the defaults: whatever a person
    /// or a repository says about the same thing stands before it.
    ///
    /// - Parameter configuration: without this layer, for the grants that it has already.
    func layer(over configuration: Configuration, context: Context) throws(CoopError) -> ConfigurationLayer {
        ConfigurationLayer.agent(
            agent.name, bundles: agent.network.bundles, allow: agent.network.hosts,
            environment: agent.variables(own, isSafe: options.safe).map { ($0.name, $0.value) },
            grants: try grants(beside: configuration, context: context) + logins(beside: configuration, context: context))
    }

    /// The login that the agent has on the host. Whether it is any good is found out when it is used.
    private func logins(beside configuration: Configuration, context: Context) throws(CoopError) -> [GrantSetting] {
        guard let login = agent.login, login.isTaken, let service = login.service else {
            guard options.profile != nil else { return [] }
            throw CoopError(
                .usage, "cannot use a profile with \(agent.title.printable)", "its login cannot stay outside, so there are none",
                next: "coop auth list")
        }
        let isGranted = configuration.grants.contains { $0.value.target == .provider(service.name) || $0.value.name == service.name }
        let logins = AgentLogins(service, context: context, project: try context.projectIfAny())
        let (name, reason) = try logins.choice(try options.profileName())
        if isGranted || reason == .host && !logins.file(name).exists { return [] }
        return [GrantSetting(name: service.name, target: .provider(service.name), source: .login)]
    }

    /// A credential that the host has for one of its providers, in a variable or among coop's secrets, is granted: inside is a stub.
    private func grants(beside configuration: Configuration, context: Context) throws(CoopError) -> [GrantSetting] {
        var result: [GrantSetting] = []
        let stored = try context.secrets()
        for name in agent.providers {
            let provider = try ProviderCatalog.find(name)
            let isGranted = configuration.grants.contains { setting in
                if case .provider(name) = setting.value.target { return true }
                return setting.value.name == name || !Set(setting.value.variables ?? []).isDisjoint(with: provider.variables)
            }
            if isGranted { continue }
            for variable in provider.variables {
                let source: GrantSetting.Source
                if let value = environmentVariable(variable), !value.isEmpty {
                    source = .environment(variable)
                } else if let known = try? SecretName(variable), try stored.find(known) != nil {
                    source = .stored(variable)
                } else {
                    continue
                }
                result.append(GrantSetting(name: name, target: .provider(name), source: source))
                break
            }
        }
        return result
    }

    /// Hosts that it can do without.
    func optionalHosts() throws(CoopError) -> [HostPattern] {
        try agent.network.optional.map { host throws(CoopError) in try HostPattern(parsing: host) }
    }

    // MARK: - The program

    /// Where the program lies on the host: in PATH, else at one of the places that its file names.
    ///
    /// - Throws: `notFound` with the command that installs it.
    func locate(home: String) throws(CoopError) -> String {
        func entries(_ path: String) -> [String] { path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") } }
        var candidates = entries(environmentVariable("PATH") ?? "").map { FileSystem.join($0, agent.binary) }
        candidates += agent.places.map { $0.hasPrefix("~/") ? FileSystem.join(home, String($0.dropFirst(2))) : $0 }
        // What the project itself holds under that name comes last: it may be anything.
        candidates += entries(HostPath.callers).map { FileSystem.join($0, agent.binary) }
        if let found = candidates.first(where: { FileSystem.isExecutable($0) }) { return found }
        throw CoopError(
            .notFound, "cannot run \(agent.title.printable)",
            "`\(agent.binary.printable)` is not in PATH, nor where it is usually installed",
            next: agent.install.isEmpty ? nil : agent.install)
    }

    /// The directories and files of its installation that its file names beside the program.
    func exposed(home: String, isVisible: (String) -> Bool) -> [Mount] {
        agent.exposes.compactMap { path in
            let target = FileSystem.normalize(path.hasPrefix("~/") ? FileSystem.join(home, String(path.dropFirst(2))) : path)
            guard let source = FileSystem.realPath(target), let kind = FileSystem.kind(source), kind == .directory || kind == .file,
                !FileSystem.contains(target, home), !isVisible(target)
            else { return nil }
            return Mount(
                source: source, target: target, readOnly: true, isDirectory: kind == .directory, reason: "agent \(agent.name)")
        }
    }

    /// The whole command.
    ///
    /// - Parameter program: where it is started inside.
    func command(_ program: String) throws(CoopError) -> [String] {
        var words = agent.arguments(own, isSafe: options.safe)
        if let text = try options.promptText() {
            guard let prompt = agent.prompt else {
                throw CoopError(
                    .usage, "cannot hand the prompt to \(agent.title.printable)", "its file does not say how",
                    next: "coop run \(agent.name) PROMPT")
            }
            let isInteractive = options.tty ?? (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
            words += (isInteractive ? prompt.interactive : prompt.headless).map { $0.replacing("{prompt}", with: text) }
            // Nobody looks at a terminal: what it does is told by events.
            if options.detach, !isInteractive, let events = agent.events { words += events.flags }
        }
        return [program] + words
    }

    // MARK: - State

    /// The files of its state that hold what it would otherwise ask for.
    ///
    /// - Parameters:
    ///   - home: the home directory inside, in which an earlier run may have left anything.
    ///   - environment: the sandbox's, for the stubs in it.
    ///   - hasLogin: whether a login of its is there.
    func seeds(
        _ home: Home, workspace: String, environment: [EnvironmentVariable], hasLogin: Bool
    ) throws(CoopError) -> [HomeFile] {
        let directory = home.source.flatMap { try? BeneathDirectory($0) }
        let stubs = environment.filter { $0.origin.hasPrefix("grant ") }.map { ($0.name, $0.value) }
        let credentials = SeededFile.Credentials(stubs: Dictionary(stubs) { first, _ in first }, login: hasLogin)
        let files = try SeededFile.all(of: agent, workspace: workspace, credentials: credentials) { (path) throws(CoopError) in
            let target = FileSystem.join(home.path, path)
            if let file = home.files.first(where: { $0.path == target }) { return Array(file.contents.utf8) }
            // What is no file that could be read, a link for instance, is the agent's own affair: it is as if it could not be understood.
            do { return try directory?.read(path, limit: AgentRun.stateLimit) } catch { return [0] }
        }
        return files.map { HomeFile(path: FileSystem.join(home.path, $0.path), contents: $0.contents, reason: "agent \(agent.name)") }
    }

    /// Its credential file, emptied, where it holds stubs of an earlier run and this one has no login: with them it would take itself for
    /// logged in, and be refused by its service.
    ///
    /// - Parameters:
    ///   - home: the home directory inside.
    ///   - source: the directory that holds it; nil for one in memory.
    func withoutLogin(home: String, source: String?) -> HomeFile? {
        guard let service = agent.login?.service, let source, let directory = try? BeneathDirectory(source),
            let bytes = try? directory.read(service.path, limit: AgentRun.stateLimit), service.holdsStub(bytes)
        else { return nil }
        return HomeFile(path: FileSystem.join(home, service.path), contents: "{}\n", reason: "agent \(agent.name)")
    }

    /// A larger file of its state is left alone.
    private static let stateLimit = 4 << 20

    /// Whether it is told not to ask.
    var isAutonomous: Bool { agent.isAutonomous(own, isSafe: options.safe) }
}
