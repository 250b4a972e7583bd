import Agents
import CoopErrors
import Egress
import LinuxKernel
import Policy
import Projects
import Vault

extension Context {
    /// The secrets that can be used here: the project's and the global ones.
    func secrets() throws(CoopError) -> SecretStore {
        let project = try projectIfAny()
        return SecretStore(
            global: FileSystem.join(home.directory(.global), "secrets"), project: project.map { home.directory(.secrets, of: $0.key) })
    }

    /// The environment bundles that can be used here.
    func bundles() throws(CoopError) -> BundleStore {
        let project = try projectIfAny()
        return BundleStore(
            global: FileSystem.join(home.directory(.global), "env"), project: project.map { home.directory(.env, of: $0.key) })
    }

    /// Makes the directories above a store with the checks of coop's home.
    func prepareSecrets(_ scope: SecretStore.Scope) throws(CoopError) {
        switch scope {
        case .global: try home.prepare(FileSystem.join(home.directory(.global), "secrets"))
        case .project:
            let project = try project()
            try keep(project)
            try home.prepare(home.directory(.secrets, of: project.key))
        }
    }

    /// The login of the agent of that name; nil when there is no such agent, or it has none that coop could use.
    func login(named name: String) throws(CoopError) -> OAuthService? {
        try AgentCatalog(directory: home.directory(.agents)).agent(named: name)?.login?.service
    }

    /// The credential file of an agent that is logged in on this machine.
    func credentialFile(_ service: OAuthService) -> OAuthCredentialFile {
        let path = service.file(home: home.userHome, directory: service.directoryVariable.flatMap(environmentVariable))
        return OAuthCredentialFile(service, userHome: home.userHome, path: path)
    }

    /// Where the logins at MCP servers are kept: the project's, then those for all projects.
    func mcpStores() throws(CoopError) -> [(scope: SecretStore.Scope, store: MCPLoginStore)] {
        var result: [(scope: SecretStore.Scope, store: MCPLoginStore)] = []
        if try projectIfAny() != nil { result.append((.project, MCPLoginStore(directory: try mcpDirectory(.project)))) }
        return result + [(.global, MCPLoginStore(directory: try mcpDirectory(.global)))]
    }

    func mcpDirectory(_ scope: SecretStore.Scope) throws(CoopError) -> String {
        switch scope {
        case .global: FileSystem.join(home.directory(.global), "auth/mcp")
        case .project: FileSystem.join(home.directory(.auth, of: try project().key), "mcp")
        }
    }

    /// The logins at MCP servers that can be used here, each with its store; one of the project stands for one for all.
    func mcpLogins() throws(CoopError) -> [(name: SecretName, store: MCPLoginStore)] {
        var result: [(name: SecretName, store: MCPLoginStore)] = []
        for (_, store) in try mcpStores() {
            for (name, _) in try store.list() where !result.contains(where: { $0.name.text == name.text }) { result.append((name, store)) }
        }
        return result
    }

    func resolver() throws(CoopError) -> SecretResolver {
        SecretResolver(store: try secrets(), userHome: home.userHome, environment: { environmentVariable($0) })
    }

    /// The upstream proxy with its credentials.
    ///
    /// - Parameter isUsers: whether the user has named it himself. A repository's gets no credentials.
    func upstreamProxy(_ address: ProxyAddress?, isUsers: Bool) throws(CoopError) -> UpstreamProxy? {
        guard let address else { return nil }
        let found = isUsers ? try secrets().find(try SecretName(EgressSummary.proxyCredentials), scope: .global) : nil
        return try UpstreamProxy(address, credentials: found?.value)
    }
}
