import CoopErrors

/// What a sandbox is given in the place of credentials: variables and files, with stubs in them.
public struct SandboxCredentials: Sendable, Equatable {
    /// A credential file below the home directory, mode 0600.
    public struct File: Sendable, Equatable {
        /// The login whose file it is.
        public var service: OAuthService
        /// The grant's name.
        public var grant: String
        public var contents: String

        public init(_ service: OAuthService, grant: String, contents: String) {
            self.service = service
            self.grant = grant
            self.contents = contents
        }
    }

    public var variables: [String: String]
    public var files: [File]

    public init(variables: [String: String] = [:], files: [File] = []) {
        self.variables = variables
        self.files = files
    }

    /// Adds what one grant gives.
    ///
    /// - Throws: `configuration` when another grant has given the same variable.
    public mutating func add(_ grant: Grant, _ credential: GrantedCredential) throws(CoopError) {
        // For AWS the names come in the order of the stubs; a session token is added on the way out, and not needed inside.
        for (index, name) in grant.variables.enumerated() {
            let stub: String? =
                grant.kind == .aws ? (index < credential.stubs.count ? credential.stubs[index] : nil) : credential.stubs.first
            if let stub { try set(name, stub, grant.name) }
        }
        for (name, value) in grant.constants { try set(name, value, grant.name) }
    }

    private mutating func set(_ name: String, _ value: String, _ grant: String) throws(CoopError) {
        if let old = variables[name], old != value {
            throw CoopError(
                .configuration, "two grants want the variable \(name)", "one of them is `\(grant)`", next: "coop grant list")
        }
        variables[name] = value
    }
}
