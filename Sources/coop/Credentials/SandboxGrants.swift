import CoopErrors
import GatewayProtocol
import Policy
import Projects
import Sandbox
import Substitution
import Vault

/// The grants of one sandbox: what is given inside, what the policy makes of them, and what the way out looks for.
struct SandboxGrants {
    let session: SessionGrants
    private let grants: [Grant]
    private var settings: Configuration.Network
    private let store: SecretStore

    /// - Returns: nil for a sandbox without network, where no credential could go anywhere.
    static func make(context: Context, configuration: Configuration) throws(CoopError) -> SandboxGrants? {
        guard let mode = configuration.network.mode?.value, mode != .none else { return nil }
        return try SandboxGrants(context: context, configuration: configuration)
    }

    private init(context: Context, configuration: Configuration) throws(CoopError) {
        var grants: [Grant] = []
        for setting in configuration.grants { grants.append(try setting.grant()) }
        self.grants = grants
        settings = configuration.network
        store = try context.secrets()
        session = try SessionGrants(grants, stubs: StubMaker(), resolver: try context.resolver())
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
        guard !grants.isEmpty else { return policy }
        var result = policy
        for grant in grants {
            for domain in grant.rules.flatMap(\.domains) {
                let host = (domain.isWildcard ? "*." : "") + "\(domain.host):\(domain.port)"
                result.rules.append(try NetworkRule(parsing: host, origin: "grant \(grant.name)"))
            }
        }
        let origins = Set(misleadingHosts.map(\.origin.description))
        result.hosts.removeAll { origins.contains($0.origin) }
        result.certificateFiles = settings.ca.filter { !$0.origin.layer.isRepository }.map(\.value)
        if settings.proxy?.origin.layer.isRepository ?? false { result.proxy = nil }
        return result
    }

    /// A line for each setting that `applied` leaves out.
    var notes: [String] {
        guard !grants.isEmpty else { return [] }
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
            return grants.contains { grant in
                grant.rules.contains { rule in rule.domains.contains { $0.contains("\(host)", port: $0.port) } }
            }
        }.map { ($0.name, $0.value.origin) }
    }

    /// What the gateway looks for. Reads every secret that could be used here.
    func watch() throws(CoopError) -> SecretWatch {
        let secrets = try session.watched(stored: try store.all())
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let compiled = session.compiled
        return SecretWatch(
            stubs: compiled.stubs, places: compiled.places, schemes: compiled.schemes,
            fingerprints: secrets.isEmpty ? nil : SecretFingerprints(secrets.map(\.value), key: key), names: secrets.map(\.name))
    }
}
