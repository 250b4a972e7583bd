import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// Keeps a login fresh, on the host, once for all sandboxes.
///
/// Refresh tokens are often used up by their use, so two processes that refresh at once log each other out. Whoever comes first takes
/// the lock beside the credential file; the others find new tokens in the file when their turn comes.
public struct OAuthRefresher: Sendable {
    public let file: OAuthCredentialFile
    private let transport: HTTPTransport
    private let gate: RefreshGate
    private let delegate: RefreshDelegate?
    /// Seconds since 1970.
    let now: @Sendable () -> Int64

    /// Tokens are refreshed this many seconds before their end: a request that has begun must not outlive its token.
    public static let margin: Int64 = 300

    /// - Parameters:
    ///   - gate: what a refresh has to pass.
    ///   - delegate: who refreshes in the place of this process.
    public init(
        _ file: OAuthCredentialFile, transport: @escaping HTTPTransport, gate: RefreshGate = RefreshGate(),
        delegate: RefreshDelegate? = nil,
        now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
    ) {
        self.file = file
        self.transport = transport
        self.gate = gate
        self.delegate = delegate
        self.now = now
    }

    /// Tokens that are good for a while, refreshed if they were not.
    public func current() throws(CoopError) -> OAuthTokens {
        let tokens = try file.tokens()
        guard let expiry = tokens.expiresAt, expiry / 1000 <= now() + OAuthRefresher.margin else { return tokens }
        do throws(CoopError) {
            return try refresh(unlessChangedFrom: tokens.access)
        } catch {
            // The old ones may be good for some minutes yet, and the server may be back by then.
            if expiry / 1000 > now() { return tokens }
            throw error
        }
    }

    /// The tokens as they are, without a request to anybody.
    ///
    /// - Throws: `notReady` when they have ended and cannot be refreshed.
    public func usable() throws(CoopError) -> OAuthTokens {
        let tokens = try file.tokens()
        if let expiry = tokens.expiresAt, expiry / 1000 <= now(), tokens.refresh == nil { throw ended }
        return tokens
    }

    private var ended: CoopError {
        CoopError(
            .notReady, "the login of \(file.service.name) has ended", "it has no refresh token", next: file.service.loginCommand)
    }

    /// New tokens in the place of those with this access token. If the file holds others already, those are returned and nobody is asked.
    public func refresh(unlessChangedFrom access: String) throws(CoopError) -> OAuthTokens {
        let digest = TokenDigest(access)
        guard let delegate else { return try refresh(unlessChangedFrom: digest) }
        let tokens = try file.tokens()
        if TokenDigest(tokens.access) != digest { return tokens }
        do throws(CoopError) {
            try gate.pass { () throws(CoopError) in try delegate(digest) }
        } catch {
            // It may have been ended after the new ones were written down.
            let again = try file.tokens()
            if again.access != access { return again }
            throw error
        }
        return try file.tokens()
    }

    /// The same in this process, which must not be killed meanwhile.
    @discardableResult
    public func refresh(unlessChangedFrom access: TokenDigest) throws(CoopError) -> OAuthTokens {
        try file.locked { () throws(CoopError) in
            let tokens = try file.tokens()
            if TokenDigest(tokens.access) != access { return tokens }
            return try gate.pass { () throws(CoopError) in try exchange(tokens) }
        }
    }

    /// Gets new tokens and writes them down. The lock is held.
    private func exchange(_ tokens: OAuthTokens) throws(CoopError) -> OAuthTokens {
        guard let refresh = tokens.refresh else { throw ended }
        return try file.exchange(refresh, now: now) { () throws(CoopError) in try ask(tokens, refresh) }
    }

    /// - Returns: nil when the file holds others by now.
    private func ask(_ tokens: OAuthTokens, _ refresh: String) throws(CoopError) -> OAuthTokens? {
        guard let endpoint = file.service.endpoints.first else {
            throw CoopError(
                .failed, "cannot refresh the login of \(file.service.name)", "no address is known for it", next: "coop grant list")
        }
        var body = JSONValue([
            "grant_type": .string("refresh_token"), "refresh_token": .string(refresh), "client_id": .string(file.service.clientID),
        ])
        if let scope = file.service.scope { body["scope"] = .string(scope) }
        let reply = try transport(.json(endpoint, body))
        guard reply.status == 200 else {
            // The agent on the host does not know our lock, and may have refreshed in between.
            if try file.tokens().access != tokens.access { return nil }
            var why = reply.json?["error_description"]?.string ?? reply.json?["error"]?.string ?? "no reason was given"
            // This text may be shown inside.
            if [refresh, tokens.access].contains(where: { why.contains($0) }) { why = "no reason was given" }
            throw CoopError(
                .notReady, "cannot refresh the login of \(file.service.name)", "the server answered \(reply.status): \(why.printable)",
                next: file.service.loginCommand)
        }
        guard let answer = reply.json, let new = answer["access_token"]?.string, !new.isEmpty else {
            throw CoopError(
                .notReady, "cannot refresh the login of \(file.service.name)", "the server's answer has no access token",
                next: file.service.loginCommand)
        }
        return OAuthTokens(
            access: new, refresh: answer["refresh_token"]?.string ?? refresh, id: answer["id_token"]?.string ?? tokens.id,
            expiresAt: answer["expires_in"]?.integer.map { (now() + $0) * 1000 }
                ?? JSONWebToken.claims(new)?["exp"]?.integer.map { $0 * 1000 })
    }
}
