import Agents
import CoopErrors
import LinuxKernel
import Projects
import Substitution
import Vault

extension Setting where Value == GrantSetting {
    /// The agent's login that this part of the configuration lets sandboxes use; nil when it describes a grant of another kind.
    func login(_ context: Context) throws(CoopError) -> OAuthService? {
        guard case .provider(let name) = value.target, let service = try context.login(named: name) else { return nil }
        guard value.source == .login, value.variables == nil else {
            throw CoopError(
                .configuration, "the grant `\(value.name)` cannot be used",
                "\(origin): \(service.name) is a login, which lies on this machine: it takes no `secret`, `source` and `env`",
                next: "coop grant add \(value.name) --provider \(service.name)")
        }
        return service
    }

    /// The grant that this part of the configuration describes.
    ///
    /// - Throws: `configuration` for what the schema cannot know to be wrong; `refused` for a command that a repository's file names:
    ///   it would run on the host whenever its author likes.
    func grant() throws(CoopError) -> Grant {
        do throws(CoopError) {
            return try made()
        } catch {
            throw CoopError(
                error.code == .usage ? .configuration : error.code, "the grant `\(value.name)` cannot be used",
                "\(origin): \(error.message)", next: error.next)
        }
    }

    private func made() throws(CoopError) -> Grant {
        let source: SecretSource
        switch value.source {
        case .stored(let name): source = .stored(try SecretName(name).text)
        case .environment(let name): source = .environment(name)
        case .file(let path): source = try SecretSource("file:" + path)
        case .login:
            throw CoopError(
                .configuration, "it has no credential", "a grant of this provider needs `secret` or `source`",
                next: "coop grant add \(value.name) --help")
        case .secretService(let attributes): source = try SecretSource("secret-service:" + attributes)
        case .command(let command):
            guard origin.layer != .project, origin.layer != .local else {
                throw CoopError(
                    .refused, "a repository may not name a command that runs on this machine",
                    "`cmd:` works in your own configuration only",
                    next: "coop grant add \(value.name) --help   # adds it to your own")
            }
            source = try SecretSource("cmd:" + command)
        }
        switch value.target {
        case .provider(let name):
            return Grant(name: value.name, provider: try ProviderCatalog.find(name), source: source, variables: value.variables)
        case .place(let domain, let place):
            let domain = try GrantDomain(domain)
            switch place {
            case .header(let name):
                return Grant(
                    name: value.name, domain: domain, kind: .header(name.lowercased()), template: value.template, source: source,
                    variables: value.variables)
            case .query(let name):
                return Grant(
                    name: value.name, domain: domain, kind: .query(name), template: value.template, source: source,
                    variables: value.variables)
            case .cookie(let name):
                return Grant(
                    name: value.name, domain: domain, kind: .cookie(name), template: value.template, source: source,
                    variables: value.variables)
            case .basic(let user):
                return Grant(
                    name: value.name, domain: domain, kind: .basic, template: nil, basicUser: user, source: source,
                    variables: value.variables)
            }
        }
    }
}
