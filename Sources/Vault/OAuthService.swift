import CoopErrors
import LinuxKernel
import Substitution

/// An agent's login by OAuth: where it keeps its tokens, and where it refreshes them.
public struct OAuthService: Sendable {
    /// `claude`, `codex`.
    public var name: String
    /// What it is, for people.
    public var title: String
    /// The credential file, relative to the home directory.
    public var path: String
    /// A variable that names another directory for the file.
    public var directoryVariable: String
    /// Where in the file the tokens stand.
    public var accessToken: [String]
    public var refreshToken: [String]
    public var idToken: [String]?
    /// Milliseconds since 1970; nil where the access token is a JWT that says it itself.
    public var expiry: [String]?
    /// When the tokens were last refreshed, as an RFC 3339 time, where the file says it.
    public var refreshTime: [String]?
    /// What else the sandbox may see of the file: no other member is passed on.
    public var harmless: [[String]]
    /// Addresses that refresh tokens; the first one is used.
    public var endpoints: [String]
    public var clientID: String
    public var scope: String?
    /// Where the access token goes.
    public var rules: [Provider.Rule]
    /// The claims of a token that the agent reads, which say nothing secret.
    public var harmlessClaims: [String]
    public var accessShape: StubShape
    public var refreshShape: StubShape
    /// What the user types to log in again.
    public var loginCommand: String

    private static func rule(_ hosts: [String]) -> Provider.Rule {
        Provider.Rule(
            domains: hosts.compactMap { try? GrantDomain($0) }, places: [InjectionPlace(.header("authorization"))], paths: [])
    }

    /// Claude Code with a subscription.
    public static let claude = OAuthService(
        name: "claude", title: "Claude Code, logged in with a plan", path: ".claude/.credentials.json",
        directoryVariable: "CLAUDE_CONFIG_DIR", accessToken: ["claudeAiOauth", "accessToken"],
        refreshToken: ["claudeAiOauth", "refreshToken"], idToken: nil, expiry: ["claudeAiOauth", "expiresAt"], refreshTime: nil,
        harmless: [["claudeAiOauth", "scopes"], ["claudeAiOauth", "subscriptionType"], ["claudeAiOauth", "rateLimitTier"]],
        endpoints: ["https://console.anthropic.com/v1/oauth/token", "https://platform.claude.com/v1/oauth/token"],
        clientID: "9d1c250a-e61b-44d9-88ed-5944d1962f5e", scope: nil,
        rules: [rule(["api.anthropic.com", "mcp-proxy.anthropic.com"])], harmlessClaims: [],
        accessShape: StubShape(prefix: "sk-ant-oat01-", length: 108, alphabet: .base64url),
        refreshShape: StubShape(prefix: "sk-ant-ort01-", length: 108, alphabet: .base64url), loginCommand: "claude /login")

    /// Codex with a ChatGPT plan.
    public static let codex = OAuthService(
        name: "codex", title: "Codex, logged in with a ChatGPT plan", path: ".codex/auth.json", directoryVariable: "CODEX_HOME",
        accessToken: ["tokens", "access_token"], refreshToken: ["tokens", "refresh_token"],
        idToken: ["tokens", "id_token"], expiry: nil, refreshTime: ["last_refresh"],
        harmless: [["auth_mode"], ["tokens", "account_id"], ["last_refresh"]], endpoints: ["https://auth.openai.com/oauth/token"],
        clientID: "app_EMoamEEZ73f0CkXaXp7hrann", scope: "openid profile email", rules: [rule(["chatgpt.com", "api.openai.com"])],
        harmlessClaims: ["exp", "iat", "nbf", "aud", "iss", "https://api.openai.com/auth"],
        accessShape: StubShape(length: 64, alphabet: .base64url), refreshShape: StubShape(prefix: "rt_", length: 64, alphabet: .base64url),
        loginCommand: "codex login")

    public static let all = [claude, codex]

    /// The service of that name; nil when there is none.
    public static func named(_ name: String) -> OAuthService? { all.first { $0.name == name } }

    /// Where the file lies: below `home`, or in the directory that the service's variable names.
    ///
    /// - Parameter directory: the variable's value; one that is no absolute path is left out, as the agents do with an empty one.
    public func file(home: String, directory: String?) -> String {
        guard let directory, directory.hasPrefix("/") else { return FileSystem.join(home, path) }
        return FileSystem.join(FileSystem.normalize(directory), FileSystem.lastComponent(of: path))
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
