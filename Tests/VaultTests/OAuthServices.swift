@testable import Vault

/// Two logins as agents' files describe them: one with a time of expiry in the file, one with JSON web tokens.
extension OAuthService {
    static let claude = OAuthService(
        name: "claude", title: "Claude Code", path: ".claude/.credentials.json", directoryVariable: "CLAUDE_CONFIG_DIR",
        accessToken: ["claudeAiOauth", "accessToken"], refreshToken: ["claudeAiOauth", "refreshToken"],
        expiry: ["claudeAiOauth", "expiresAt"], scopes: ["claudeAiOauth", "scopes"],
        harmless: [["claudeAiOauth", "scopes"], ["claudeAiOauth", "subscriptionType"], ["claudeAiOauth", "rateLimitTier"]],
        endpoints: ["https://console.anthropic.com/v1/oauth/token", "https://platform.claude.com/v1/oauth/token"],
        clientID: "9d1c250a-e61b-44d9-88ed-5944d1962f5e", hosts: domains(["api.anthropic.com", "mcp-proxy.anthropic.com"]),
        accessShape: StubShape(prefix: "sk-ant-oat01-", length: 108, alphabet: .base64url),
        refreshShape: StubShape(prefix: "sk-ant-ort01-", length: 108, alphabet: .base64url), loginCommand: "claude auth login")

    static let codex = OAuthService(
        name: "codex", title: "Codex", path: ".codex/auth.json", directoryVariable: "CODEX_HOME",
        accessToken: ["tokens", "access_token"], refreshToken: ["tokens", "refresh_token"], idToken: ["tokens", "id_token"],
        refreshTime: ["last_refresh"], harmless: [["auth_mode"], ["tokens", "account_id"], ["last_refresh"]],
        key: Key(path: ["OPENAI_API_KEY"], provider: "openai"), endpoints: ["https://auth.openai.com/oauth/token"],
        clientID: "app_EMoamEEZ73f0CkXaXp7hrann", scope: "openid profile email", hosts: domains(["chatgpt.com", "api.openai.com"]),
        harmlessClaims: [
            ["exp"], ["iat"], ["nbf"], ["aud"], ["iss"], ["https://api.openai.com/auth", "chatgpt_account_id"],
            ["https://api.openai.com/auth", "chatgpt_plan_type"],
        ],
        claims: [Claim(path: ["https://api.openai.com/auth", "user_id"], value: "user-coop-stub")],
        accessShape: StubShape(length: 64, alphabet: .base64url),
        refreshShape: StubShape(prefix: "rt_", length: 64, alphabet: .base64url), loginCommand: "codex login")

    private static func domains(_ names: [String]) -> [GrantDomain] { names.compactMap { try? GrantDomain($0) } }
}
