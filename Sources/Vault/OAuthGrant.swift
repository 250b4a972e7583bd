import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Synchronization

/// An agent's login in one sandbox: a credential file with stubs inside, the real tokens on the host.
public final class OAuthGrant: Sendable {
    public let service: OAuthService
    /// The grant's name.
    public let name: String
    private let refresher: OAuthRefresher
    private let access: String
    private let refresh: String
    private let id: String?
    /// The sandbox's copy of the credential file.
    public let file: SandboxCredentials.File
    private let history: TokenHistory
    private let renewal: TokenRenewal
    /// What the sandbox believes to have: what it finds wanting when it asks for another.
    private let told: Mutex<Told>

    private struct Told: Sendable {
        var access: String
        /// When it was answered, in seconds since 1970; nil before the first time.
        var at: Int64?
    }

    /// - Parameters:
    ///   - name: the grant's; the service's own where there is none.
    ///   - stubs: the same for all sandboxes of a project (`StubMaker.stored`).
    /// - Throws: `notReady` when the user is not logged in, or the login has ended and cannot be refreshed.
    public init(_ refresher: OAuthRefresher, name: String? = nil, stubs: StubMaker) throws(CoopError) {
        let service = refresher.file.service
        self.name = name ?? service.name
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
        history = TokenHistory(tokens)
        renewal = TokenRenewal(history, now: refresher.now)
        told = Mutex(Told(access: tokens.access))

        var copy = JSONValue.object([])
        for path in service.harmless { if let value = document.at(path) { copy.set(path, value) } }
        if let key = service.key, case .null? = document.at(key.path) { copy.set(key.path, .null) }
        copy.set(service.accessToken, .string(access))
        copy.set(service.refreshToken, .string(refresh))
        if let path = service.idToken, let id { copy.set(path, .string(id)) }
        if let path = service.expiry, let expiry = tokens.expiresAt { copy.set(path, .number(String(expiry))) }
        file = SandboxCredentials.File(service, grant: self.name, contents: copy.text(indented: true) + "\n")
    }

    /// The access token as a grant on the service's hosts. It is refreshed before it ends, without the sandbox's doing.
    ///
    /// The hosts that refresh tokens are pinned as well, without a place for a credential: their requests must be inspected to be answered.
    public var credential: GrantedCredential {
        let endpoints = service.endpoints.compactMap { (try? MCPServerURL($0)).flatMap { try? GrantDomain("\($0.host):\($0.port)") } }
        let rules = service.rules + [Provider.Rule(domains: endpoints, places: [])]
        return GrantedCredential(
            name: name, rules: rules, stubs: [access], mayWait: true, further: { [self] in secrets },
            revision: { [self] in history.revision },
            renew: { [self] (revision) throws(CoopError) in
                try renewal.renew(
                    revision, held: { () throws(CoopError) in try refresher.usable() },
                    refresh: { (access) throws(CoopError) in try refresher.refresh(unlessChangedFrom: access) })
            },
            held: { [self] () throws(CoopError) in
                let tokens = try refresher.usable()
                history.note(tokens)
                return SecretBytes(copying: tokens.access.utf8)
            },
            value: { [self] () throws(CoopError) in
                let tokens = try refresher.current()
                history.note(tokens)
                return SecretBytes(copying: tokens.access.utf8)
            })
    }

    /// What must be turned into stubs wherever it appears in an answer to the sandbox, and must not leave it.
    var secrets: [(secret: SecretBytes, stub: [UInt8])] {
        var result: [(secret: SecretBytes, stub: [UInt8])] = []
        func add(_ token: String?, _ stub: String?) {
            guard let token, let stub, !token.isEmpty else { return }
            let secret = SecretBytes(copying: token.utf8)
            if !result.contains(where: { $0.secret == secret }) { result.append((secret, Array(stub.utf8))) }
        }
        for tokens in history.all {
            add(tokens.access, access)
            add(tokens.refresh, refresh)
            add(tokens.id, id)
        }
        return result
    }

    /// Whether a request is one for new tokens, which is answered here and never sent on.
    public func isRefresh(method: String, host: String, port: Int, path: String) -> Bool {
        guard method == "POST", port == 443 else { return false }
        return service.endpoints.contains { $0 == "https://" + host + CompiledGrants.normalized(path) }
    }

    /// An answer to a request for new tokens.
    public struct Answer: Sendable {
        /// What the program inside gets.
        public var http: HTTPReply
        /// Why it gets no tokens, for the record.
        public var failure: String?
        /// Whether it came with somebody else's refresh token.
        public var isForeign = false
    }

    /// Answers a request for new tokens. The real ones are refreshed on the host if nobody has done it since the sandbox was last told of
    /// its tokens; the sandbox gets its stubs back with a new time of expiry.
    ///
    /// - Parameters:
    ///   - body: JSON or a form; a request with anything but this sandbox's refresh stub is refused.
    ///   - now: seconds since 1970.
    public func answer(_ body: [UInt8], now: Int64 = Int64(time(nil))) -> Answer {
        var given: [String: String] = [:]
        if let json = try? JSONValue.parse(body), case .object(let members) = json {
            for member in members { given[member.name] = member.value.string }
        } else {
            given = FormText.decode(String(decoding: body, as: UTF8.self)) ?? [:]
        }
        func failure(_ status: Int, _ code: String, _ why: String, isForeign: Bool = false) -> Answer {
            let value = JSONValue(["error": .string(code), "error_description": .string(why)])
            return Answer(http: reply(status, value), failure: why, isForeign: isForeign)
        }
        guard given["grant_type"] == "refresh_token" else {
            return failure(400, "unsupported_grant_type", "coop refreshes this login on the host, and nothing else")
        }
        guard given["refresh_token"] == refresh else {
            return failure(400, "invalid_grant", "this is not the refresh token that coop gave to this sandbox", isForeign: true)
        }
        do throws(CoopError) {
            let tokens = try tokens(now)
            history.note(tokens)
            told.withLock { $0 = Told(access: tokens.access, at: now) }
            var answer = JSONValue([
                "token_type": .string("Bearer"), "access_token": .string(access), "refresh_token": .string(refresh),
            ])
            if let id { answer["id_token"] = .string(id) }
            if let expiry = tokens.expiresAt { answer["expires_in"] = .number(String(max(0, expiry / 1000 - now))) }
            if let path = service.scopes, let scopes = try refresher.file.document().at(path)?.strings {
                answer["scope"] = .string(scopes.joined(separator: " "))
            }
            return Answer(http: reply(200, answer))
        } catch {
            return failure(401, "invalid_grant", error.message)
        }
    }

    /// Tokens for a sandbox that asks for new ones.
    private func tokens(_ now: Int64) throws(CoopError) -> OAuthTokens {
        let told = told.withLock { $0 }
        // A program that asks again and again must not wear out the user's account.
        if let at = told.at, now >= at, now - at < TokenRenewal.pause {
            let tokens = try refresher.usable()
            if tokens.expiresAt.map({ $0 / 1000 > now }) ?? true { return tokens }
        }
        return try refresher.refresh(unlessChangedFrom: told.access)
    }

    private func reply(_ status: Int, _ value: JSONValue) -> HTTPReply {
        HTTPReply(
            status: status, fields: ["content-type": "application/json", "cache-control": "no-store"], body: Array(value.text().utf8))
    }

    /// 2000-01-01 and 2100-01-01, in seconds since 1970.
    private static let fixedTimes = ["iat": "946684800", "nbf": "946684800", "exp": "4102444800"]

    /// Nothing but what the agent needs to know about itself: neither a name nor an address.
    private static func harmlessClaims(_ claims: JSONValue, _ service: OAuthService) -> JSONValue {
        var result = JSONValue([
            "sub": .string("coop-stub"), "email": .string("sandbox@coop.invalid"), "email_verified": .boolean(true),
        ])
        for path in service.harmlessClaims {
            guard let value = claims.at(path) else { continue }
            // The host refreshes. An agent that reads a time would ask as well, and the stubs of a project must stay the same.
            if path.count == 1, let time = path.first.flatMap({ OAuthGrant.fixedTimes[$0] }) {
                result.set(path, .number(time))
            } else {
                result.set(path, value)
            }
        }
        for claim in service.claims where claims.at(Array(claim.path.dropLast())) != nil { result.set(claim.path, .string(claim.value)) }
        return result
    }
}
