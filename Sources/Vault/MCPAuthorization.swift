import CoopErrors
import LinuxKernel

/// Logging in at an MCP server (Model Context Protocol, "Authorization"): find its authorization server, register there, send the user's
/// browser, take the code, exchange it for tokens. A state machine without input or output: it says what to do, and is told what came.
///
/// Discovery follows RFC 9728 and RFC 8414 (with OpenID Connect's address as the second try), registration RFC 7591, the exchange
/// RFC 6749 with PKCE (RFC 7636) and resource indicators (RFC 8707).
public struct MCPAuthorization: Sendable {
    /// What has to be done next.
    public enum Action: Sendable, Equatable {
        case send(HTTPRequest)
        /// The user's browser must visit this address; then it comes back to the redirect address.
        case browse(String)
        case done(MCPLogin)
    }

    private enum Step: Sendable {
        case resource([String]), server([String]), register, browser, exchange, done
    }

    private struct Metadata: Sendable {
        var issuer: String
        var authorization: MCPServerURL
        var token: MCPServerURL
        var registration: MCPServerURL?
        var returnsIssuer: Bool
    }

    private let server: MCPServerURL
    private let redirect: String
    private let scopes: [String]
    private let proof: ProofKey
    private let state: String
    private var clientID: String?
    private var clientSecret: String?
    private var issuer: String?
    private var offeredScopes: [String] = []
    private var metadata: Metadata?
    private var step: Step
    /// What is to be done now.
    public private(set) var action: Action

    /// - Parameters:
    ///   - redirect: the address on the loopback interface where the browser comes back: `http://127.0.0.1:PORT/callback`.
    ///   - clientID: nil to register.
    ///   - scopes: empty for those that the server names.
    public init(
        server: MCPServerURL, redirect: String, clientID: String? = nil, scopes: [String] = [], proof: ProofKey = ProofKey(),
        state: String? = nil
    ) {
        self.server = server
        self.redirect = redirect
        self.clientID = clientID
        self.scopes = scopes
        self.proof = proof
        self.state = state ?? RandomText.make()
        let places = MCPAuthorization.wellKnown("oauth-protected-resource", server)
        step = .resource(Array(places.dropFirst()))
        action = .send(MCPAuthorization.get(places[0]))
    }

    /// Takes the answer to the request of `action`.
    public mutating func receive(_ reply: HTTPReply, now: Int64) throws(CoopError) {
        switch step {
        case .resource(let rest):
            if reply.status == 200, let json = reply.json {
                guard
                    json["resource"]?.string.map({ server.resource == $0 || server.resource.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") })
                        ?? true
                else { throw failure("it describes another resource, \(json["resource"]?.string?.printable ?? "")") }
                offeredScopes = json["scopes_supported"]?.strings ?? []
                try discover(json["authorization_servers"]?.strings?.first ?? server.origin)
            } else if let next = rest.first {
                step = .resource(Array(rest.dropFirst()))
                action = .send(MCPAuthorization.get(next))
            } else {
                // Servers older than RFC 9728 are their own authorization servers.
                try discover(server.origin)
            }
        case .server(let rest):
            if reply.status == 200, let json = reply.json {
                metadata = try read(json)
                try register()
            } else if let next = rest.first {
                step = .server(Array(rest.dropFirst()))
                action = .send(MCPAuthorization.get(next))
            } else {
                throw failure("its authorization server \(issuer?.printable ?? "") does not describe itself")
            }
        case .register:
            guard reply.status == 200 || reply.status == 201, let json = reply.json, let id = json["client_id"]?.string else {
                throw failure("registering coop there was answered with \(reply.status)\(reason(reply))")
            }
            clientID = id
            clientSecret = json["client_secret"]?.string
            browse()
        case .exchange:
            guard let metadata, let clientID else { throw failure("the steps came in the wrong order") }
            guard reply.status == 200, let json = reply.json, let access = json["access_token"]?.string, !access.isEmpty else {
                throw failure("the code was answered with \(reply.status)\(reason(reply))")
            }
            guard json["token_type"]?.string?.lowercased() == "bearer" else {
                throw failure("it gives tokens of a kind that coop cannot use")
            }
            step = .done
            action = .done(
                MCPLogin(
                    server: server.description, issuer: metadata.issuer, tokenEndpoint: metadata.token.description, clientID: clientID,
                    clientSecret: clientSecret,
                    tokens: OAuthTokens(
                        access: access, refresh: json["refresh_token"]?.string,
                        expiresAt: json["expires_in"]?.integer.map { (now + $0) * 1000 }),
                    scope: json["scope"]?.string))
        case .browser, .done: throw failure("the steps came in the wrong order")
        }
    }

    /// Takes the query with which the browser came back.
    ///
    /// - Throws: `refused` for a state that is not ours: somebody else has sent the browser. The login can then go on.
    public mutating func receive(callback query: String) throws(CoopError) {
        guard case .browser = step, let metadata, let clientID else { throw failure("the steps came in the wrong order") }
        guard let values = FormText.decode(query), let given = values["state"], ConstantTime.equal(given, state) else {
            throw CoopError(
                .refused, "the browser came back with another login's answer", "its state is not the one that coop sent",
                next: "coop grant mcp auth URL")
        }
        if let issuer = values["iss"], issuer != metadata.issuer {
            throw CoopError(
                .refused, "the browser came back from another server", "it names itself \(issuer.printable) (RFC 9207)",
                next: "coop grant mcp auth URL")
        }
        if values["iss"] == nil, metadata.returnsIssuer {
            throw CoopError(
                .refused, "the browser came back from another server", "it does not name itself, which it should (RFC 9207)",
                next: "coop grant mcp auth URL")
        }
        if let error = values["error"] {
            throw failure("it answered \(error.printable)\(values["error_description"].map { ": " + $0.printable } ?? "")")
        }
        guard let code = values["code"], !code.isEmpty else { throw failure("the browser came back without a code") }
        var pairs = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect), ("client_id", clientID),
            ("code_verifier", proof.verifier), ("resource", server.resource),
        ]
        if let clientSecret { pairs.append(("client_secret", clientSecret)) }
        step = .exchange
        action = .send(.form(metadata.token.description, pairs))
    }

    // MARK: Steps

    private mutating func discover(_ issuer: String) throws(CoopError) {
        self.issuer = issuer
        let address = try MCPServerURL(issuer)
        var places = MCPAuthorization.wellKnown("oauth-authorization-server", address)
        places += MCPAuthorization.wellKnown("openid-configuration", address)
        if address.path != "/" { places.append(address.resource + "/.well-known/openid-configuration") }
        step = .server(Array(places.dropFirst()))
        action = .send(MCPAuthorization.get(places[0]))
    }

    private func read(_ json: JSONValue) throws(CoopError) -> Metadata {
        guard let name = json["issuer"]?.string, name == issuer || name == issuer.map({ $0 + "/" }) else {
            throw failure("its authorization server names itself \(json["issuer"]?.string?.printable ?? "nothing") (RFC 8414, section 3.3)")
        }
        guard let authorization = json["authorization_endpoint"]?.string, let token = json["token_endpoint"]?.string else {
            throw failure("its authorization server does not say where to log in")
        }
        guard json["code_challenge_methods_supported"]?.strings?.contains("S256") ?? false else {
            throw failure("its authorization server does not support PKCE with S256, without which a code could be stolen")
        }
        return Metadata(
            issuer: name, authorization: try MCPServerURL(authorization), token: try MCPServerURL(token),
            registration: try json["registration_endpoint"]?.string.map { (text) throws(CoopError) in try MCPServerURL(text) },
            returnsIssuer: json["authorization_response_iss_parameter_supported"] == .boolean(true))
    }

    private mutating func register() throws(CoopError) {
        guard clientID == nil else {
            browse()
            return
        }
        guard let address = metadata?.registration else {
            throw CoopError(
                .notReady, "cannot log in at \(server)", "its authorization server does not let programs register",
                next: "coop grant mcp auth \(server) --client-id ID")
        }
        step = .register
        action = .send(
            .json(
                address.description,
                JSONValue([
                    "client_name": .string("coop"), "redirect_uris": .array([.string(redirect)]),
                    "grant_types": .array([.string("authorization_code"), .string("refresh_token")]),
                    "response_types": .array([.string("code")]), "token_endpoint_auth_method": .string("none"),
                ])))
    }

    private mutating func browse() {
        guard let metadata, let clientID else { return }
        var pairs = [
            ("response_type", "code"), ("client_id", clientID), ("redirect_uri", redirect), ("state", state),
            ("code_challenge", proof.challenge), ("code_challenge_method", "S256"), ("resource", server.resource),
        ]
        let wanted = scopes.isEmpty ? offeredScopes : scopes
        if !wanted.isEmpty { pairs.append(("scope", wanted.joined(separator: " "))) }
        step = .browser
        action = .browse(metadata.authorization.with(pairs))
    }

    /// RFC 8414, section 3.1, and RFC 9728, section 3.1: between host and path, then at the root.
    private static func wellKnown(_ name: String, _ address: MCPServerURL) -> [String] {
        let root = address.origin + "/.well-known/" + name
        return address.path == "/" ? [root] : [root + address.path, root]
    }

    private static func get(_ url: String) -> HTTPRequest { HTTPRequest(method: "GET", url: url, fields: ["accept": "application/json"]) }

    private func reason(_ reply: HTTPReply) -> String {
        (reply.json?["error_description"]?.string ?? reply.json?["error"]?.string).map { ": " + $0.printable } ?? ""
    }

    private func failure(_ why: String) -> CoopError {
        CoopError(.notReady, "cannot log in at \(server)", why, next: "coop grant mcp auth \(server)")
    }
}

/// Comparing without telling by time where two texts differ.
enum ConstantTime {
    static func equal(_ left: String, _ right: String) -> Bool {
        let a = Array(left.utf8)
        let b = Array(right.utf8)
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
