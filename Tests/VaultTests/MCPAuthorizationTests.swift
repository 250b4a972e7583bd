import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Synchronization
import Testing

@testable import Vault

@Suite struct MCPAuthorizationTests {
    /// A server that is nothing but its answers by address.
    struct World: Sendable {
        var answers: [String: (status: Int, body: String)] = [
            "https://mcp.example.com/.well-known/oauth-protected-resource/v1": (
                200,
                #"{"resource":"https://mcp.example.com/v1","authorization_servers":["https://auth.example.com/tenant"],"scopes_supported":["a","b"]}"#
            ),
            "https://auth.example.com/.well-known/oauth-authorization-server/tenant": (
                200,
                #"{"issuer":"https://auth.example.com/tenant","authorization_endpoint":"https://auth.example.com/authorize?x=1","token_endpoint":"https://auth.example.com/token","registration_endpoint":"https://auth.example.com/register","code_challenge_methods_supported":["S256"]}"#
            ),
            "https://auth.example.com/register": (201, #"{"client_id":"id-1"}"#),
            "https://auth.example.com/token": (
                200, #"{"access_token":"ACCESS","refresh_token":"REFRESH","token_type":"Bearer","expires_in":3600,"scope":"a"}"#
            ),
        ]
    }

    static func start(_ server: String = "https://mcp.example.com/v1", clientID: String? = nil) throws -> MCPAuthorization {
        MCPAuthorization(
            server: try MCPServerURL(server), redirect: "http://127.0.0.1:7777/callback", clientID: clientID,
            proof: ProofKey(verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), state: "state-1")
    }

    /// Goes on until the browser is needed or it is done.
    static func run(_ login: inout MCPAuthorization, _ world: World) throws -> [HTTPRequest] {
        var sent: [HTTPRequest] = []
        while case .send(let request) = login.action {
            sent.append(request)
            let answer = world.answers[request.url] ?? (404, "")
            try login.receive(HTTPReply(status: answer.status, body: Array(answer.body.utf8)), now: 1000)
            #expect(sent.count < 20)
        }
        return sent
    }

    @Test func theChallengeIsTheOneOfTheRFC() {
        // RFC 7636, appendix B.
        #expect(
            ProofKey(verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        #expect(ProofKey().verifier.utf8.count == 43)
        #expect(ProofKey() != ProofKey())
    }

    @Test func theWholeWay() throws {
        var login = try Self.start()
        _ = try Self.run(&login, World())
        guard case .browse(let address) = login.action else {
            Issue.record("no address to visit")
            return
        }
        let query = try #require(FormText.decode(address.split(separator: "?")[1]))
        #expect(address.hasPrefix("https://auth.example.com/authorize?x=1&"))
        #expect(
            query == [
                "x": "1", "response_type": "code", "client_id": "id-1", "redirect_uri": "http://127.0.0.1:7777/callback",
                "state": "state-1",
                "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
                "resource": "https://mcp.example.com/v1", "scope": "a b",
            ])
        try login.receive(callback: "code=c%2F1&state=state-1")
        let sent = try Self.run(&login, World())
        let form = try #require(FormText.decode(String(decoding: sent[0].body, as: UTF8.self)))
        #expect(form["code"] == "c/1" && form["code_verifier"] == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        #expect(form["grant_type"] == "authorization_code" && form["resource"] == "https://mcp.example.com/v1")
        guard case .done(let result) = login.action else {
            Issue.record("not done")
            return
        }
        #expect(result.tokens == OAuthTokens(access: "ACCESS", refresh: "REFRESH", expiresAt: 4_600_000))
        #expect(MCPLogin(result.json) == result)
    }

    @Test func anotherStateIssuerOrAnswerIsRefused() throws {
        var login = try Self.start()
        _ = try Self.run(&login, World())
        for query in [
            "code=c&state=other", "code=c", "", "code=c&state=state-1&state=other", "code=c&state=state-1&iss=https%3A%2F%2Fevil.example",
            "error=access_denied&state=state-1", "state=state-1", "code=%zz&state=state-1",
        ] {
            #expect(throws: CoopError.self, "\(query)") { try login.receive(callback: query) }
        }
        try login.receive(callback: "code=c&state=state-1&iss=https%3A%2F%2Fauth.example.com%2Ftenant")
    }

    @Test func serversThatMustNotBeTrusted() throws {
        for (name, change) in [
            ("issuer", ("https://auth.example.com/tenant\",", "https://evil.example\",")), ("pkce", ("S256", "plain")),
            ("token over http", ("https://auth.example.com/token", "http://auth.example.com/token")),
            ("authorization endpoint", ("https://auth.example.com/authorize?x=1", "javascript://x")),
        ] {
            var world = World()
            let key = "https://auth.example.com/.well-known/oauth-authorization-server/tenant"
            let body = world.answers[key]?.body ?? ""
            world.answers[key] = (200, replace(change.0, by: change.1, in: body))
            var login = try Self.start()
            #expect(throws: CoopError.self, "\(name)") { try Self.run(&login, world) }
        }
        var world = World()
        world.answers["https://mcp.example.com/.well-known/oauth-protected-resource/v1"] = (
            200, #"{"resource":"https://other.example.com"}"#
        )
        var login = try Self.start()
        #expect(throws: CoopError.self) { try Self.run(&login, world) }
    }

    private func replace(_ part: String, by other: String, in text: String) -> String {
        PatternTable([.init(Array(part.utf8), Array(other.utf8))]).replacing(in: text) ?? text
    }

    @Test func olderServersAndClientsThatAreKnown() throws {
        var world = World()
        world.answers["https://mcp.example.com/.well-known/oauth-protected-resource/v1"] = nil
        world.answers["https://mcp.example.com/.well-known/openid-configuration"] = (
            200,
            #"{"issuer":"https://mcp.example.com","authorization_endpoint":"https://mcp.example.com/a","token_endpoint":"https://mcp.example.com/t","code_challenge_methods_supported":["S256"]}"#
        )
        var login = try Self.start()
        let error = #expect(throws: CoopError.self) { try Self.run(&login, world) }
        #expect(error?.next?.contains("--client-id") == true)
        login = try Self.start(clientID: "mine")
        let sent = try Self.run(&login, world).map(\.url)
        #expect(
            sent == [
                "https://mcp.example.com/.well-known/oauth-protected-resource/v1",
                "https://mcp.example.com/.well-known/oauth-protected-resource",
                "https://mcp.example.com/.well-known/oauth-authorization-server",
                "https://mcp.example.com/.well-known/openid-configuration",
            ])
        guard case .browse(let address) = login.action else {
            Issue.record("no address")
            return
        }
        #expect(address.contains("client_id=mine"))
    }

    @Test(arguments: [
        "http://example.com", "https://", "ftp://a", "https://user:pw@a", "https://a b", "https://a:0", "x", "https://a#f", "https://a\\b",
        "https://[::1]/",
    ])
    func addressesThatAreRefused(_ text: String) { #expect(throws: CoopError.self) { try MCPServerURL(text) } }

    @Test func addresses() throws {
        #expect(try MCPServerURL("HTTPS://Example.COM:443/A?b=c").description == "https://example.com/A?b=c")
        #expect(try MCPServerURL("http://127.0.0.1:8080").resource == "http://127.0.0.1:8080")
        #expect(try MCPServerURL("https://example.com?b").description == "https://example.com/?b")
    }

    @Test func keptLoginsAreRefreshedOnceByManyProcesses() async throws {
        let place = try Scratch()
        let store = MCPLoginStore(directory: place.path("mcp"))
        let name = try SecretName("linear")
        #expect(try store.list().isEmpty)
        let login = MCPLogin(
            server: "https://mcp.example.com/v1", issuer: "https://auth.example.com", tokenEndpoint: "https://auth.example.com/token",
            clientID: "id", clientSecret: "s", tokens: OAuthTokens(access: "OLD", refresh: "R0", expiresAt: 1_000_000), scope: nil)
        try store.set(name, login)
        #expect(try store.find(name) == login)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = place.path as String] in
                        let login = try MCPLoginStore(directory: path + "/mcp").current(try SecretName("linear"), now: 900) {
                            (request) throws(CoopError) in
                            guard let calls = try? Descriptor.open(path + "/calls", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600),
                                (try? calls.writeAll(request.body + [10])) != nil
                            else { throw CoopError(.failed, "cannot count", "") }
                            return HTTPReply(status: 200, body: Array(#"{"access_token":"NEW","expires_in":3600}"#.utf8))
                        }
                        guard login.tokens.access == "NEW", login.tokens.refresh == "R0" else { exit(1) }
                    }
                }
            }
        }
        let calls = try place.read("calls")
        #expect(calls.split(separator: "\n").count == 1)
        #expect(calls.contains("refresh_token=R0") && calls.contains("client_secret=s"))
        let made = try store.credential(name, stubs: StubMaker(), now: { 900 }) { (_) throws(CoopError) in HTTPReply(status: 500) }
        let stub = try #require(made)
        #expect(SecretStoreTests.text(try stub.value()) == "NEW")
        #expect(CompiledGrants([stub]).isPinned("mcp.example.com", port: 443))
        #expect(try store.remove(name))
        #expect(throws: CoopError.self) { try store.current(name, now: 0) { (_) throws(CoopError) in HTTPReply(status: 500) } }
    }
}
