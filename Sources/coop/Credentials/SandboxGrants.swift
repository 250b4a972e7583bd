import CoopErrors
import GatewayProtocol
import Glibc
import LinuxKernel
import Policy
import Projects
import Sandbox
import Substitution
import Vault

/// The grants of one sandbox: what is given inside, what the policy makes of them, and what the way out looks for.
struct SandboxGrants: Sendable {
    let session: SessionGrants
    private let grants: [Grant]
    /// Closed when the sandbox ends: a refresh that is under way is finished before.
    let gate: RefreshGate
    private var settings: Configuration.Network
    private let store: SecretStore
    /// Logins of the agent's that cannot be used: it runs without them.
    let warnings: [CoopError]
    /// Which login of an agent's the sandbox has, by the agent's name.
    let profiles: [String: ProfileName]

    /// - Parameter runs: whether a sandbox is going to be started; otherwise nothing on the host is changed.
    /// - Returns: nil for a sandbox without network, where no credential could go anywhere.
    static func make(
        context: Context, project: Project, configuration: Configuration, profile: ProfileName?, runs: Bool = false
    ) throws(CoopError) -> SandboxGrants? {
        guard let mode = configuration.network.mode?.value, mode != .none else { return nil }
        return try SandboxGrants(context: context, project: project, configuration: configuration, profile: profile, runs: runs)
    }

    private init(
        context: Context, project: Project, configuration: Configuration, profile: ProfileName?, runs: Bool
    ) throws(CoopError) {
        let gate = RefreshGate()
        var grants: [Grant] = []
        var logins: [OAuthGrant] = []
        var keys: [KeyLogin] = []
        var warnings: [CoopError] = []
        var profiles: [String: ProfileName] = [:]
        let transport = HostRequests.transport(configuration.network, context: context)
        let stubs: StubMaker
        if configuration.grants.isEmpty {
            stubs = StubMaker()
        } else {
            let directory = context.home.directory(.vault, of: project.key)
            if runs { try context.home.prepare(directory) }
            stubs = try StubMaker.stored(in: directory, makes: runs)
        }
        for setting in configuration.grants {
            guard let service = try setting.login(context) else {
                grants.append(try setting.grant())
                continue
            }
            if let other = logins.first(where: { $0.service.name == service.name }) {
                throw CoopError(
                    .configuration, "there are two grants of the login of \(service.name)", "`\(other.name)` and `\(setting.value.name)`",
                    next: "coop grant list")
            }
            let known = AgentLogins(service, context: context, project: project)
            let (name, reason) = try known.choice(profile)
            let file = known.file(name)
            let refresher = OAuthRefresher(
                file, transport: transport.send, gate: gate, delegate: RefreshProcess.delegate(["--profile", name.text, service.name]))
            do throws(CoopError) {
                if name != .host, try !known.store.holdsLogin(name) {
                    throw CoopError(
                        .notReady, "the profile `\(name)` of \(service.name) is not logged in", "nobody has logged in with it yet",
                        next: file.service.loginCommand)
                }
                profiles[service.name] = name
                if let key = try KeyLogin(file, name: setting.value.name, stubs: stubs) {
                    keys.append(key)
                    continue
                }
                let login = try OAuthGrant(refresher, name: setting.value.name, stubs: stubs)
                _ = try refresher.usable()
                logins.append(login)
            } catch {
                // What a person has asked for must be there; what an agent would find on the host may be missing there too.
                let isOptional = setting.origin.layer == .agent && (reason == .host || reason == .standard)
                guard isOptional else { throw error }
                profiles[service.name] = nil
                warnings.append(error)
            }
        }
        if let profile, profiles.isEmpty {
            throw CoopError(
                .usage, "cannot use the profile `\(profile)`", "the command gets no agent's login",
                next: "coop grant add NAME --provider AGENT   # gives it one")
        }
        self.profiles = profiles
        self.warnings = warnings
        self.grants = grants
        self.gate = gate
        settings = configuration.network
        store = try context.secrets()
        var others: [GrantedCredential] = []
        for (name, login) in try context.mcpLogins() {
            let credential = try login.credential(
                name, stubs: stubs, now: { Int64(time(nil)) }, transport: transport.send, gate: gate,
                delegate: RefreshProcess.delegate(["--mcp", name.text]))
            if let credential { others.append(credential) }
        }
        session = try SessionGrants(grants, logins: logins, keys: keys, others: others, stubs: stubs, resolver: try context.resolver())
    }

    /// The files with the stubs of logins, for a HOME.
    ///
    /// - Parameter environment: the sandbox's own, in which an agent may be told of another directory.
    func files(home: String, environment: [EnvironmentVariable]) -> [HomeFile] {
        session.given.files.map { file in
            let directory = file.service.directoryVariable.flatMap { name in environment.first { $0.name == name }?.value }
            var path = file.service.file(home: home, directory: directory)
            if !FileSystem.contains(home, path) { path = file.service.file(home: home, directory: nil) }
            return HomeFile(path: path, contents: file.contents, reason: "grant \(file.grant)")
        }
    }

    /// The same grants beside other settings of the network: what a repository says about their hosts may have changed.
    func following(_ settings: Configuration.Network) -> SandboxGrants {
        var result = self
        result.settings = settings
        return result
    }

    /// The variables with stubs. They are made for this sandbox and no secret, so no rule that keeps secrets out applies to them.
    var variables: [EnvironmentVariable] {
        session.given.variables.map { name, value in
            let grant = grants.first { $0.variables.contains(name) || $0.constants[name] != nil }
            return EnvironmentVariable(name: name, value: value, origin: "grant \(grant?.name ?? "")")
        }
    }

    /// The policy with the hosts of the grants allowed, and without what a repository says about where those hosts are.
    ///
    /// Whoever can write to the repository could otherwise name a server of his own as the host of a grant (`[network.hosts]`), vouch for
    /// its certificate (`ca`) or stand between (`proxy`), and be sent the credential. That the user approved the file does not change it:
    /// the approval was for reaching a host, not for giving the credential of another one away. Certificates count for all hosts alike, so
    /// those of a repository are left out as soon as there is a grant.
    func applied(to policy: NetworkPolicy) throws(CoopError) -> NetworkPolicy {
        guard !session.compiled.isEmpty else { return policy }
        var result = policy
        for (grant, domain) in session.compiled.domains {
            let host = (domain.isWildcard ? "*." : "") + "\(domain.host):\(domain.port)"
            result.rules.append(try NetworkRule(parsing: host, origin: "grant \(grant)"))
        }
        let origins = Set(misleadingHosts.map(\.origin.description))
        result.hosts.removeAll { origins.contains($0.origin) }
        result.certificateFiles = settings.ca.filter { !$0.origin.layer.isRepository }.map(\.value)
        if settings.proxy?.origin.layer.isRepository ?? false { result.proxy = nil }
        return result
    }

    /// A line for each setting that `applied` leaves out.
    var notes: [String] {
        guard !session.compiled.isEmpty else { return [] }
        var left = misleadingHosts.map { (key: "network.hosts.\($0.name)", origin: $0.origin) }
        left += settings.ca.filter(\.origin.layer.isRepository).map { ("network.ca", $0.origin) }
        if let proxy = settings.proxy, proxy.origin.layer.isRepository { left.append(("network.proxy", proxy.origin)) }
        return left.map { "\($0.origin): `\($0.key)` does not apply: a repository does not say where a credential goes" }
    }

    /// Entries of a repository's `[network.hosts]` for hosts that receive a credential, on any port.
    private var misleadingHosts: [(name: String, origin: ConfigurationOrigin)] {
        settings.hosts.filter { name, setting in
            guard setting.origin.layer.isRepository,
                let host = try? HostOverride(parsing: name, target: setting.value, origin: "").host
            else { return false }
            return session.compiled.domains.contains { $0.domain.contains("\(host)", port: $0.domain.port) }
        }.map { ($0.name, $0.value.origin) }
    }

    /// Every secret that could be used here, by the name under which it is reported.
    func secrets() throws(CoopError) -> [(name: String, value: SecretBytes)] { try session.watched(stored: try store.all()) }

    /// What the gateway looks for. Reads every secret that could be used here.
    func watch() throws(CoopError) -> SecretWatch {
        let secrets = try secrets()
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let compiled = session.compiled
        return SecretWatch(
            stubs: compiled.stubs, places: compiled.places, schemes: compiled.schemes,
            fingerprints: secrets.isEmpty ? nil : SecretFingerprints(secrets.map(\.value), key: key), names: secrets.map(\.name))
    }
}
