/// The login at an MCP server, as it is kept.
public struct MCPLogin: Sendable, Equatable {
    /// The server's address.
    public var server: String
    public var issuer: String
    public var tokenEndpoint: String
    public var clientID: String
    public var clientSecret: String?
    public var tokens: OAuthTokens
    public var scope: String?

    /// For the store.
    var json: JSONValue {
        var value = JSONValue([
            "version": .number("1"), "server": .string(server), "issuer": .string(issuer), "token_endpoint": .string(tokenEndpoint),
            "client_id": .string(clientID), "access_token": .string(tokens.access),
        ])
        if let clientSecret { value["client_secret"] = .string(clientSecret) }
        if let refresh = tokens.refresh { value["refresh_token"] = .string(refresh) }
        if let expiry = tokens.expiresAt { value["expires_at"] = .number(String(expiry)) }
        if let scope { value["scope"] = .string(scope) }
        return value
    }

    init?(_ value: JSONValue) {
        guard value["version"]?.integer == 1, let server = value["server"]?.string, let issuer = value["issuer"]?.string,
            let endpoint = value["token_endpoint"]?.string, let clientID = value["client_id"]?.string,
            let access = value["access_token"]?.string
        else { return nil }
        self.init(
            server: server, issuer: issuer, tokenEndpoint: endpoint, clientID: clientID, clientSecret: value["client_secret"]?.string,
            tokens: OAuthTokens(access: access, refresh: value["refresh_token"]?.string, expiresAt: value["expires_at"]?.integer),
            scope: value["scope"]?.string)
    }

    public init(
        server: String, issuer: String, tokenEndpoint: String, clientID: String, clientSecret: String?, tokens: OAuthTokens, scope: String?
    ) {
        self.server = server
        self.issuer = issuer
        self.tokenEndpoint = tokenEndpoint
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.tokens = tokens
        self.scope = scope
    }
}
