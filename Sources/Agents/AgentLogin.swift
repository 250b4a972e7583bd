import CoopErrors
import TOML
import Vault

/// Reads `[login]` of an agent's file.
struct AgentLogin {
    /// The agent's name.
    let agent: String

    /// - Parameter base: what the keys that the file leaves out are taken from.
    func login(_ root: AgentTable, _ base: Agent.Login?) throws(CoopError) -> Agent.Login? {
        guard root.has("login") else { return base }
        let table = try root.table("login", ["command", "hosts", "ports", "taken", "title", "file", "tokens", "claims"])
        let command = try table.texts("command", base?.command)
        return Agent.Login(
            command: command, hosts: try table.texts("hosts", base?.hosts ?? []), ports: try table.ports("ports", base?.ports ?? []),
            service: try service(table, base?.service, command: command), isTaken: try table.flag("taken", base?.isTaken ?? true))
    }

    private func service(_ login: AgentTable, _ base: OAuthService?, command: [String]) throws(CoopError) -> OAuthService? {
        guard login.has("file") || login.has("tokens") else { return base }
        let file = try login.table(
            "file",
            [
                "path", "directory", "access", "refresh", "id", "expiry", "refreshed", "scopes", "key", "key_provider", "keeps",
                "account_file", "account",
            ])
        let tokens = try login.table("tokens", ["endpoints", "client", "scope", "hosts", "claims", "access", "refresh"])
        let endpoints = try tokens.texts("endpoints", base?.endpoints)
        for endpoint in endpoints {
            do throws(CoopError) { _ = try MCPServerURL(endpoint) } catch { throw tokens.problem("endpoints", error.message) }
        }
        return OAuthService(
            name: agent, title: try login.text("title", base?.title ?? agent),
            path: try file.has("path") ? file.path("path") : file.text("path", base?.path),
            directoryVariable: try file.optionalText("directory", base?.directoryVariable),
            accessToken: try file.names("access", base?.accessToken), refreshToken: try file.names("refresh", base?.refreshToken),
            idToken: try file.optionalNames("id", base?.idToken), expiry: try file.optionalNames("expiry", base?.expiry),
            refreshTime: try file.optionalNames("refreshed", base?.refreshTime),
            scopes: try file.optionalNames("scopes", base?.scopes), harmless: try file.lists("keeps", base?.harmless ?? []),
            key: try key(file) ?? base?.key, account: try account(file) ?? base?.account, endpoints: endpoints,
            clientID: try tokens.text("client", base?.clientID),
            scope: try tokens.optionalText("scope", base?.scope), hosts: try hosts(tokens, base),
            harmlessClaims: try tokens.lists("claims", base?.harmlessClaims ?? []), claims: try claims(login) ?? base?.claims ?? [],
            accessShape: try shape(tokens, "access", base?.accessShape), refreshShape: try shape(tokens, "refresh", base?.refreshShape),
            loginCommand: command.joined(separator: " "))
    }

    private func hosts(_ tokens: AgentTable, _ base: OAuthService?) throws(CoopError) -> [GrantDomain] {
        if !tokens.has("hosts"), let base { return base.rules.flatMap(\.domains) }
        var result: [GrantDomain] = []
        for host in try tokens.texts("hosts", nil) {
            do throws(CoopError) { result.append(try GrantDomain(host)) } catch { throw tokens.problem("hosts", error.message) }
        }
        return result
    }

    private func key(_ file: AgentTable) throws(CoopError) -> OAuthService.Key? {
        guard file.has("key") else { return nil }
        let provider = try file.text("key_provider", nil)
        do throws(CoopError) { _ = try ProviderCatalog.find(provider) } catch { throw file.problem("key_provider", error.message) }
        return OAuthService.Key(path: try file.names("key", nil), provider: provider)
    }

    private func account(_ file: AgentTable) throws(CoopError) -> OAuthService.Account? {
        guard file.has("account") else { return nil }
        return OAuthService.Account(file: try file.path("account_file"), path: try file.names("account", nil))
    }

    private func claims(_ login: AgentTable) throws(CoopError) -> [OAuthService.Claim]? {
        guard login.has("claims") else { return nil }
        var result: [OAuthService.Claim] = []
        for table in try login.tables("claims", ["path", "value"]) {
            result.append(OAuthService.Claim(path: try table.names("path", nil), value: try table.text("value", nil)))
        }
        return result
    }

    private func shape(_ tokens: AgentTable, _ key: String, _ base: StubShape?) throws(CoopError) -> StubShape {
        guard tokens.has(key) || base == nil else { return base ?? StubShape() }
        let table = try tokens.table(key, ["prefix", "length", "alphabet"])
        let written = try table.text("alphabet", StubShape.Alphabet.base64url.rawValue)
        guard let alphabet = StubShape.Alphabet(rawValue: written) else {
            let known = StubShape.Alphabet.allCases.map(\.rawValue).joined(separator: ", ")
            throw table.problem("alphabet", "must be one of \(known)")
        }
        guard case .integer(let length)? = table.value("length") ?? .integer(64), (8...4096).contains(length) else {
            throw table.problem("length", "must be a number from 8 to 4096")
        }
        return StubShape(prefix: try table.text("prefix", ""), length: Int(length), alphabet: alphabet)
    }
}

extension AgentTable {
    fileprivate func flag(_ key: String, _ otherwise: Bool) throws(CoopError) -> Bool {
        guard let value = value(key) else { return otherwise }
        guard case .boolean(let flag) = value else { throw problem(key, "must be true or false") }
        return flag
    }

    fileprivate func ports(_ key: String, _ otherwise: [UInt16]) throws(CoopError) -> [UInt16] {
        guard let value = value(key) else { return otherwise }
        guard case .array(let elements) = value else { throw problem(key, "must be an array, not \(value.kindName)") }
        var result: [UInt16] = []
        for element in elements {
            guard case .integer(let number) = element.value, (1024...65535).contains(number) else {
                throw problem(key, "must hold ports from 1024 to 65535")
            }
            result.append(UInt16(clamping: number))
        }
        return result
    }

    fileprivate func optionalText(_ key: String, _ otherwise: String?) throws(CoopError) -> String? {
        has(key) ? try text(key, nil) : otherwise
    }

    fileprivate func optionalNames(_ key: String, _ otherwise: [String]?) throws(CoopError) -> [String]? {
        has(key) ? try names(key, nil) : otherwise
    }
}
