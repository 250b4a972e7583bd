import LinuxKernel
import Substitution

/// An agent's login by OAuth: where it keeps its tokens, and where it refreshes them. A file of the agent's says it.
public struct OAuthService: Sendable, Equatable {
    /// The agent's name.
    public var name: String
    /// What it is, for people.
    public var title: String
    /// The credential file, relative to the home directory.
    public var path: String
    /// A variable that names another directory for the file.
    public var directoryVariable: String?
    /// Where in the file the tokens stand: names of members, from the root.
    public var accessToken: [String]
    public var refreshToken: [String]
    public var idToken: [String]?
    /// Milliseconds since 1970; nil where the access token is a JWT that says it itself.
    public var expiry: [String]?
    /// When the tokens were last refreshed, as an RFC 3339 time, where the file says it.
    public var refreshTime: [String]?
    /// What the tokens are good for, a list of texts, which an answer to a request for new ones repeats.
    public var scopes: [String]?
    /// What else the sandbox may see of the file: no other member is passed on.
    public var harmless: [[String]]
    /// An API key that the file may hold in place of tokens.
    public var key: Key?
    /// Where whose login it is stands, in another file of the home.
    public var account: Account?
    /// Addresses that refresh tokens; the first one is used.
    public var endpoints: [String]
    public var clientID: String
    public var scope: String?
    /// Where the access token goes.
    public var rules: [Provider.Rule]
    /// The claims of a token that the agent reads, which say nothing secret.
    public var harmlessClaims: [[String]]
    /// Claims that the agent reads and nobody should know, with what stands there in a stub.
    public var claims: [Claim]
    public var accessShape: StubShape
    public var refreshShape: StubShape
    /// What the user types to log in again.
    public var loginCommand: String

    public struct Claim: Sendable, Equatable {
        public var path: [String]
        public var value: String

        public init(path: [String], value: String) {
            self.path = path
            self.value = value
        }
    }

    public struct Account: Sendable, Equatable {
        /// Relative to the home directory.
        public var file: String
        public var path: [String]

        public init(file: String, path: [String]) {
            self.file = file
            self.path = path
        }
    }

    public struct Key: Sendable, Equatable {
        /// Where in the file it stands.
        public var path: [String]
        /// Whose key it is.
        public var provider: String

        public init(path: [String], provider: String) {
            self.path = path
            self.provider = provider
        }
    }

    /// - Parameter hosts: to which requests take the access token along, as `Authorization`.
    public init(
        name: String, title: String, path: String, directoryVariable: String? = nil, accessToken: [String], refreshToken: [String],
        idToken: [String]? = nil, expiry: [String]? = nil, refreshTime: [String]? = nil, scopes: [String]? = nil, harmless: [[String]] = [],
        key: Key? = nil, account: Account? = nil, endpoints: [String], clientID: String, scope: String? = nil, hosts: [GrantDomain],
        harmlessClaims: [[String]] = [],
        claims: [Claim] = [], accessShape: StubShape, refreshShape: StubShape, loginCommand: String
    ) {
        self.name = name
        self.title = title
        self.path = path
        self.directoryVariable = directoryVariable
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.expiry = expiry
        self.refreshTime = refreshTime
        self.scopes = scopes
        self.harmless = harmless
        self.key = key
        self.account = account
        self.endpoints = endpoints
        self.clientID = clientID
        self.scope = scope
        rules = [Provider.Rule(domains: hosts, places: [InjectionPlace(.header("authorization"))], paths: [])]
        self.harmlessClaims = harmlessClaims
        self.claims = claims
        self.accessShape = accessShape
        self.refreshShape = refreshShape
        self.loginCommand = loginCommand
    }

    /// Where the file lies: below `home`, or in the directory that the service's variable names.
    ///
    /// - Parameter directory: the variable's value; one that is no absolute path is left out, as the agents do with an empty one.
    public func file(home: String, directory: String?) -> String {
        guard let directory, directory.hasPrefix("/") else { return FileSystem.join(home, path) }
        return FileSystem.join(FileSystem.normalize(directory), FileSystem.lastComponent(of: path))
    }

    /// Whether a credential file of a sandbox holds coop's stubs in place of a login.
    public func holdsStub(_ bytes: [UInt8]) -> Bool {
        guard let document = JSONValue.parsed(bytes) else { return false }
        let tokens = [accessToken, key?.path].compactMap { $0.flatMap { document.at($0)?.string } }
        return tokens.contains { $0.contains(accessShape.alphabet.mark) }
    }
}

/// The tokens of one login.
public struct OAuthTokens: Sendable, Equatable {
    public var access: String
    /// Nil where the server gave none: the login then ends with the access token.
    public var refresh: String?
    public var id: String?
    /// Milliseconds since 1970; nil when it is not known.
    public var expiresAt: Int64?

    public init(access: String, refresh: String?, id: String? = nil, expiresAt: Int64? = nil) {
        self.access = access
        self.refresh = refresh
        self.id = id
        self.expiresAt = expiresAt
    }
}
