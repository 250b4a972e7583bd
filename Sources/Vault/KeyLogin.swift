import CoopErrors
import Substitution

/// A login that is an API key in an agent's credential file: inside is the same file with a stub.
public struct KeyLogin: Sendable {
    /// The key as a grant on its provider's hosts.
    public let credential: GrantedCredential
    /// The sandbox's copy of the credential file.
    public let file: SandboxCredentials.File

    /// - Parameters:
    ///   - name: the grant's.
    ///   - stubs: the same for all sandboxes of a project (`StubMaker.stored`).
    /// - Returns: nil when the file holds tokens, or no key.
    /// - Throws: `notReady` when the file cannot be read.
    public init?(_ file: OAuthCredentialFile, name: String, stubs: StubMaker) throws(CoopError) {
        let service = file.service
        guard let key = service.key, let text = try KeyLogin.key(file), !text.isEmpty else { return nil }
        let document = try file.document()
        guard document.at(service.accessToken)?.string == nil else { return nil }
        let provider = try ProviderCatalog.find(key.provider)
        let stub = stubs.stub("key/\(service.name)", provider.shape)
        credential = GrantedCredential(name: name, kind: provider.kind, rules: provider.rules, stubs: [stub]) { () throws(CoopError) in
            guard let text = try KeyLogin.key(file), !text.isEmpty else {
                throw CoopError(.notReady, "\(service.name) is not logged in", "its file holds no key any more", next: service.loginCommand)
            }
            return SecretBytes(copying: text.utf8)
        }
        var copy = JSONValue.object([])
        for path in service.harmless where path != service.refreshTime {
            if let value = document.at(path) { copy.set(path, value) }
        }
        copy.set(key.path, .string(stub))
        self.file = SandboxCredentials.File(service, grant: name, contents: copy.text(indented: true) + "\n")
    }

    private static func key(_ file: OAuthCredentialFile) throws(CoopError) -> String? {
        guard let key = file.service.key else { return nil }
        return try file.document().at(key.path)?.string
    }
}
