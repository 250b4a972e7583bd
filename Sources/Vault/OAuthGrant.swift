import CoopErrors
import LinuxKernel
import Substitution
import Synchronization

/// An agent's login in one sandbox: a credential file with stubs inside, the real tokens on the host.
public final class OAuthGrant: Sendable {
    public let service: OAuthService
    private let refresher: OAuthRefresher
    private let access: String
    private let refresh: String
    private let id: String?
    /// The sandbox's copy of the credential file.
    public let file: SandboxCredentials.File
    /// The access token that this sandbox's requests were last given: what it finds wanting when it asks for another.
    private let used: Mutex<String>

    /// - Throws: `notReady` when the user is not logged in.
    public init(_ refresher: OAuthRefresher, stubs: StubMaker) throws(CoopError) {
        let service = refresher.file.service
        let document = try refresher.file.document()
        let tokens = try refresher.file.tokens(in: document)
        func stub(_ part: String, _ token: String, _ shape: StubShape) -> String {
            let plain = stubs.stub("oauth/\(service.name)/\(part)", shape)
            guard let claims = JSONWebToken.claims(token) else { return plain }
            return JSONWebToken.stub(claims: OAuthGrant.harmlessClaims(claims, service), signature: plain)
        }
        self.service = service
        self.refresher = refresher
        access = stub("access", tokens.access, service.accessShape)
        refresh = stub("refresh", tokens.refresh ?? "", service.refreshShape)
        id = tokens.id.map { stub("id", $0, service.accessShape) }
        used = Mutex(tokens.access)

        var copy = JSONValue.object([])
        for path in service.harmless { if let value = document.at(path) { copy.set(path, value) } }
        if case .null? = document["OPENAI_API_KEY"] { copy.set(["OPENAI_API_KEY"], .null) }
        copy.set(service.accessToken, .string(access))
        copy.set(service.refreshToken, .string(refresh))
        if let path = service.idToken, let id { copy.set(path, .string(id)) }
        if let path = service.expiry, let expiry = tokens.expiresAt { copy.set(path, .number(String(expiry))) }
        file = SandboxCredentials.File(path: service.path, contents: copy.text(indented: true) + "\n")
    }

    /// The access token as a grant on the service's hosts. It is refreshed before it ends, without the sandbox's doing.
    ///
    /// The hosts that refresh tokens are pinned as well, without a place for a credential: their requests must be inspected to be answered.
    public var credential: GrantedCredential {
        let endpoints = service.endpoints.compactMap { (try? MCPServerURL($0)).flatMap { try? GrantDomain("\($0.host):\($0.port)") } }
        let rules = service.rules + [Provider.Rule(domains: endpoints, places: [])]
        return GrantedCredential(name: service.name, rules: rules, stubs: [access]) { [self] () throws(CoopError) in
            let tokens = try refresher.current()
            used.withLock { $0 = tokens.access }
            return SecretBytes(copying: tokens.access.utf8)
        }
    }

    /// What must be turned into stubs wherever it appears in an answer to the sandbox.
    public func scrubbed() throws(CoopError) -> [(secret: SecretBytes, stub: [UInt8])] {
        let tokens = try refresher.file.tokens()
        var result = [(secret: SecretBytes(copying: tokens.access.utf8), stub: Array(access.utf8))]
        if let token = tokens.refresh { result.append((SecretBytes(copying: token.utf8), Array(refresh.utf8))) }
        if let token = tokens.id, let id { result.append((SecretBytes(copying: token.utf8), Array(id.utf8))) }
        return result
    }

    /// Whether a request is one for new tokens, which is answered here and never sent on.
    public func isRefresh(method: String, host: String, port: Int, path: String) -> Bool {
        guard method == "POST", port == 443 else { return false }
        return service.endpoints.contains { $0 == "https://" + host + CompiledGrants.normalized(path) }
    }

    /// Answers a request for new tokens. The real ones are refreshed on the host if nobody has done it yet; the sandbox gets its stubs back
    /// with a new time of expiry.
    ///
    /// - Parameter body: JSON or a form; a request with anything but this sandbox's refresh stub is refused.
    public func answer(_ body: [UInt8], now: Int64) -> HTTPReply {
        var given: [String: String] = [:]
        if let json = try? JSONValue.parse(body), case .object(let members) = json {
            for member in members { given[member.name] = member.value.string }
        } else {
            given = FormText.decode(String(decoding: body, as: UTF8.self)) ?? [:]
        }
        func failure(_ status: Int, _ code: String, _ why: String) -> HTTPReply {
            reply(status, JSONValue(["error": .string(code), "error_description": .string(why)]))
        }
        guard given["grant_type"] == "refresh_token" else {
            return failure(400, "unsupported_grant_type", "coop refreshes this login on the host, and nothing else")
        }
        guard given["refresh_token"] == refresh else {
            return failure(400, "invalid_grant", "this is not the refresh token that coop gave to this sandbox")
        }
        do throws(CoopError) {
            let tokens = try refresher.refresh(unlessChangedFrom: used.withLock { $0 })
            used.withLock { $0 = tokens.access }
            var answer = JSONValue([
                "token_type": .string("Bearer"), "access_token": .string(access), "refresh_token": .string(refresh),
            ])
            if let id { answer["id_token"] = .string(id) }
            if let expiry = tokens.expiresAt { answer["expires_in"] = .number(String(max(0, expiry / 1000 - now))) }
            if let scopes = try refresher.file.document().at(["claudeAiOauth", "scopes"])?.strings {
                answer["scope"] = .string(scopes.joined(separator: " "))
            }
            return reply(200, answer)
        } catch {
            return failure(401, "invalid_grant", error.message)
        }
    }

    private func reply(_ status: Int, _ value: JSONValue) -> HTTPReply {
        HTTPReply(
            status: status, fields: ["content-type": "application/json", "cache-control": "no-store"], body: Array(value.text().utf8))
    }

    /// Nothing but what the agent needs to know about itself: neither a name nor an address.
    private static func harmlessClaims(_ claims: JSONValue, _ service: OAuthService) -> JSONValue {
        var result = JSONValue([
            "sub": .string("coop-stub"), "email": .string("sandbox@coop.invalid"), "email_verified": .boolean(true),
        ])
        for name in service.harmlessClaims {
            guard let value = claims[name] else { continue }
            if name == "https://api.openai.com/auth" {
                var kept = JSONValue.object([])
                for member in ["chatgpt_account_id", "chatgpt_plan_type", "chatgpt_subscription_active_until"] {
                    if let value = value[member] { kept[member] = value }
                }
                kept["chatgpt_user_id"] = .string("user-coop-stub")
                kept["user_id"] = .string("user-coop-stub")
                result[name] = kept
            } else {
                result[name] = value
            }
        }
        return result
    }
}
