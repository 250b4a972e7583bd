import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// The logins at MCP servers, one file each, readable by the user alone.
public struct MCPLoginStore: Sendable {
    private let directory: String
    private static let suffix = ".json"
    private static let sizeLimit = 256 << 10

    /// - Parameter directory: `$COOP_HOME/global/auth/mcp`, or a project's.
    public init(directory: String) { self.directory = directory }

    /// The names and logins, in order.
    public func list() throws(CoopError) -> [(name: SecretName, login: MCPLogin)] {
        guard let place = try PrivateDirectory.open(directory) else { return [] }
        var result: [(name: SecretName, login: MCPLogin)] = []
        for file in try place.names() where file.hasSuffix(MCPLoginStore.suffix) {
            guard let name = try? SecretName(String(file.dropLast(MCPLoginStore.suffix.count))) else { continue }
            if let login = try kept(name, place) { result.append((name, login)) }
        }
        return result
    }

    public func find(_ name: SecretName) throws(CoopError) -> MCPLogin? {
        guard let place = try PrivateDirectory.open(directory) else { return nil }
        return try kept(name, place)
    }

    public func set(_ name: SecretName, _ login: MCPLogin) throws(CoopError) {
        let place = try PrivateDirectory.make(directory)
        try place.locked { () throws(CoopError) in
            try write(name, login, place)
            journal(name).remove()
        }
    }

    @discardableResult
    public func remove(_ name: SecretName) throws(CoopError) -> Bool {
        guard let place = try PrivateDirectory.open(directory) else { return false }
        return try place.locked { () throws(CoopError) in
            journal(name).remove()
            return try place.remove(name.text + MCPLoginStore.suffix)
        }
    }

    /// A login that is good for a while, refreshed if it was not, once for all processes.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - access: refresh whatever the time is, unless the access token is another one by now.
    ///   - delegate: who refreshes in the place of this process.
    public func current(
        _ name: SecretName, now: Int64, unlessChangedFrom access: String? = nil, transport: HTTPTransport,
        gate: RefreshGate = RefreshGate(), delegate: RefreshDelegate? = nil
    ) throws(CoopError) -> MCPLogin {
        guard let place = try PrivateDirectory.open(directory), let login = try kept(name, place) else { throw missing(name) }
        if !MCPLoginStore.needsRefresh(login, now, access) { return login }
        let digest = TokenDigest(login.tokens.access)
        guard let delegate else {
            return try refresh(name, now: now, unlessChangedFrom: digest, transport: transport, gate: gate)
        }
        do throws(CoopError) {
            try gate.pass { () throws(CoopError) in try delegate(digest) }
        } catch {
            // It may have been ended after the new ones were written down.
            guard let again = try kept(name, place), again.tokens.access != login.tokens.access else { throw error }
            return again
        }
        guard let login = try kept(name, place) else { throw missing(name) }
        return login
    }

    /// New tokens in the place of those with this access token, got by this process, which must not be killed meanwhile.
    ///
    /// - Parameter now: seconds since 1970.
    @discardableResult
    public func refresh(
        _ name: SecretName, now: Int64, unlessChangedFrom access: TokenDigest, transport: HTTPTransport, gate: RefreshGate = RefreshGate()
    ) throws(CoopError) -> MCPLogin {
        guard let place = try PrivateDirectory.open(directory) else { throw missing(name) }
        return try place.locked { () throws(CoopError) in
            guard let login = try kept(name, place) else { throw missing(name) }
            if TokenDigest(login.tokens.access) != access { return login }
            return try gate.pass { () throws(CoopError) in try exchange(name, login, now, place, transport) }
        }
    }

    /// Gets new tokens and writes them down, in the journal first: at whatever point the process is killed once it has them, the next reader
    /// finds them. The lock is held.
    private func exchange(
        _ name: SecretName, _ old: MCPLogin, _ now: Int64, _ place: PrivateDirectory, _ transport: HTTPTransport
    ) throws(CoopError) -> MCPLogin {
        guard let refresh = old.tokens.refresh else { throw ended(old, "it cannot be refreshed") }
        let journal = journal(name)
        // What an earlier one could not write any more has its place in the file, before the journal is made anew.
        if try load(name, place) != old { try write(name, old, place) }
        try journal.prepare()
        var login = old
        do throws(CoopError) {
            login.tokens = try ask(old, refresh, now, transport)
        } catch {
            journal.remove()
            throw error
        }
        do throws(CoopError) {
            try journal.record(TokenJournal.Entry(used: refresh, login.tokens, time: now))
            #if COOP_TEST_HOOKS
                TestInterruption.reached("journal")
            #endif
        } catch {
            // There is one place left for them.
            try write(name, login, place)
            return login
        }
        // What cannot be written is good from the journal, until it can.
        do throws(CoopError) { try write(name, login, place) } catch { return login }
        #if COOP_TEST_HOOKS
            TestInterruption.reached("file")
        #endif
        journal.remove()
        return login
    }

    private func ask(
        _ login: MCPLogin, _ refresh: String, _ now: Int64, _ transport: HTTPTransport
    ) throws(CoopError) -> OAuthTokens {
        var pairs = [
            ("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", login.clientID),
            ("resource", try MCPServerURL(login.server).resource),
        ]
        if let secret = login.clientSecret { pairs.append(("client_secret", secret)) }
        let reply = try transport(.form(login.tokenEndpoint, pairs))
        guard reply.status == 200, let json = reply.json, let access = json["access_token"]?.string, !access.isEmpty else {
            var why = reply.json?["error_description"]?.string ?? reply.json?["error"]?.string ?? "no reason was given"
            // This text may be shown inside.
            if [refresh, login.tokens.access].contains(where: { why.contains($0) }) { why = "no reason was given" }
            throw ended(login, "the server answered \(reply.status): \(why.printable)")
        }
        return OAuthTokens(
            access: access, refresh: json["refresh_token"]?.string ?? refresh,
            expiresAt: json["expires_in"]?.integer.map { (now + $0) * 1000 })
    }

    private func journal(_ name: SecretName) -> TokenJournal {
        TokenJournal(for: FileSystem.join(directory, name.text + MCPLoginStore.suffix))
    }

    /// A login with the tokens that have taken the place of those in its file, and are not in it yet.
    private func kept(_ name: SecretName, _ place: PrivateDirectory) throws(CoopError) -> MCPLogin? {
        // The journal first: who writes fills the file before it takes the journal away.
        let entry = journal(name).read()
        guard var login = try load(name, place) else { return nil }
        if let entry, let refresh = login.tokens.refresh, entry.used == TokenDigest(refresh), entry.tokens.access != login.tokens.access {
            login.tokens = entry.tokens
        }
        return login
    }

    private static func needsRefresh(_ login: MCPLogin, _ now: Int64, _ access: String?) -> Bool {
        if let access { return login.tokens.access == access }
        return login.tokens.expiresAt.map { $0 / 1000 <= now + OAuthRefresher.margin } ?? false
    }

    private func load(_ name: SecretName, _ place: PrivateDirectory) throws(CoopError) -> MCPLogin? {
        guard var bytes = try place.read(name.text + MCPLoginStore.suffix, limit: MCPLoginStore.sizeLimit) else { return nil }
        defer { bytes.wipe() }
        guard let value = try? JSONValue.parse(bytes), let login = MCPLogin(value) else {
            throw CoopError(.failed, "cannot read the login `\(name)`", "its file is damaged", next: "coop grant mcp remove \(name)")
        }
        return login
    }

    private func write(_ name: SecretName, _ login: MCPLogin, _ place: PrivateDirectory) throws(CoopError) {
        var bytes = Array(login.json.text(indented: true).utf8)
        defer { bytes.wipe() }
        try place.replace(name.text + MCPLoginStore.suffix, with: bytes)
    }

    private func missing(_ name: SecretName) -> CoopError {
        CoopError(.notReady, "there is no login `\(name)`", "nothing of that name is kept", next: "coop grant mcp auth URL")
    }

    private func ended(_ login: MCPLogin, _ why: String) -> CoopError {
        CoopError(.notReady, "the login at \(login.server.printable) has ended", why, next: "coop grant mcp auth \(login.server.printable)")
    }
}

extension MCPLoginStore {
    /// A login as a grant on its server, below the server's own path: the sandbox needs to know nothing of it.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - gate: what a refresh has to pass.
    ///   - delegate: who refreshes in the place of this process.
    /// - Returns: nil for a server that is not reached by TLS, to which no sandbox's request may carry a credential.
    public func credential(
        _ name: SecretName, stubs: StubMaker, now: @escaping @Sendable () -> Int64, transport: @escaping HTTPTransport,
        gate: RefreshGate = RefreshGate(), delegate: RefreshDelegate? = nil
    ) throws(CoopError) -> GrantedCredential? {
        guard let login = try find(name) else { throw missing(name) }
        let server = try MCPServerURL(login.server)
        guard server.scheme == "https" else { return nil }
        let path = server.path.hasSuffix("/") ? String(server.path.dropLast()) : server.path
        let rule = Provider.Rule(
            domains: [try GrantDomain("\(server.host):\(server.port)")],
            places: [InjectionPlace(.header("authorization"), whenAbsent: "Bearer {value}")],
            paths: path.isEmpty ? [] : [path, path + "/*"])
        let stub = stubs.stub("mcp/\(name)", StubShape())
        let history = TokenHistory(login.tokens)
        let renewal = TokenRenewal(history, now: now)
        let clientSecret = login.clientSecret
        return GrantedCredential(
            name: "mcp:\(name)", rules: [rule], stubs: [stub], mayWait: true,
            further: {
                let texts = history.all.flatMap { [$0.access, $0.refresh] } + [clientSecret]
                return texts.compactMap { $0.map { (SecretBytes(copying: $0.utf8), Array(stub.utf8)) } }
            },
            revision: { history.revision },
            renew: { (revision) throws(CoopError) in
                try renewal.renew(
                    revision,
                    held: { () throws(CoopError) in
                        guard let login = try find(name) else { throw missing(name) }
                        return login.tokens
                    },
                    refresh: { (access) throws(CoopError) in
                        try current(
                            name, now: now(), unlessChangedFrom: access, transport: transport, gate: gate, delegate: delegate
                        ).tokens
                    })
            },
            held: { () throws(CoopError) in
                guard let login = try find(name) else { throw missing(name) }
                history.note(login.tokens)
                return SecretBytes(copying: login.tokens.access.utf8)
            },
            value: { () throws(CoopError) in
                let tokens = try current(name, now: now(), transport: transport, gate: gate, delegate: delegate).tokens
                history.note(tokens)
                return SecretBytes(copying: tokens.access.utf8)
            })
    }
}
