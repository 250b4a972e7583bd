import CoopErrors
import Substitution

/// All credentials of one sandbox: what it is given, and what its requests get on the way out.
public struct SessionGrants: Sendable {
    /// For the decision about requests.
    public let compiled: CompiledGrants
    /// Variables and files with stubs, for inside.
    public let given: SandboxCredentials
    /// Logins of agents, whose requests for new tokens are answered on the host.
    public let logins: [OAuthGrant]

    /// - Parameters:
    ///   - keys: logins of agents that are an API key.
    ///   - others: credentials that need nothing inside, such as logins at MCP servers.
    ///   - stubs: of this sandbox.
    /// - Throws: `configuration` when two grants want the same variable or have the same name.
    public init(
        _ grants: [Grant], logins: [OAuthGrant] = [], keys: [KeyLogin] = [], others: [GrantedCredential] = [], stubs: StubMaker,
        resolver: SecretResolver
    ) throws(CoopError) {
        var given = SandboxCredentials(files: logins.map(\.file) + keys.map(\.file))
        var members: [GrantedCredential] = []
        for grant in grants {
            let credential = GrantedCredential(grant, stubs: stubs, resolver: resolver)
            try given.add(grant, credential)
            members.append(credential)
        }
        members += logins.map(\.credential) + keys.map(\.credential) + others
        var names: Set<String> = []
        for member in members where !names.insert(member.name).inserted {
            throw CoopError(.configuration, "there are two grants `\(member.name)`", "their names must differ", next: "coop grant list")
        }
        compiled = CompiledGrants(members)
        self.given = given
        self.logins = logins
    }

    /// The login whose request for new tokens this is; nil for any other request.
    public func login(method: String, host: String, port: Int, path: String) -> OAuthGrant? {
        logins.first { $0.isRefresh(method: method, host: host, port: port, path: path) }
    }

    /// What must not leave the sandbox, with the names by which it is reported, in the order of the fingerprints' numbers.
    ///
    /// - Parameter stored: all secrets of the store, whether granted or not.
    public func watched(stored: [(name: String, value: SecretBytes)]) throws(CoopError) -> [(name: String, value: SecretBytes)] {
        var result = try compiled.secrets()
        for secret in stored where !result.contains(where: { $0.value == secret.value }) { result.append(secret) }
        return result
    }
}
