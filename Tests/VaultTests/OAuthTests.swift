import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Synchronization
import Testing

@testable import Vault

@Suite struct OAuthTests {
    static let maker = StubMaker(seed: SecretBytes(copying: [UInt8](repeating: 5, count: 32)))

    static let claude = """
        {"claudeAiOauth": {"accessToken": "sk-ant-oat01-REALACCESS", "refreshToken": "sk-ant-ort01-REALREFRESH", "expiresAt": 2000000,
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max", "unknown": {"kept": 1.50}},
        "mcpOAuth": {"x": {"accessToken": "REALMCP"}}, "organizationUuid": "REALORG"}
        """

    static func token(_ claims: String) -> String {
        func part(_ text: String) -> String { String(decoding: Base64.encode(text.utf8, .url, padding: false), as: UTF8.self) }
        return part(#"{"alg":"RS256"}"#) + "." + part(claims) + ".REALSIGNATURE"
    }

    static let codex = """
        {"OPENAI_API_KEY": null, "tokens": {"id_token": "\(token(#"{"email":"me@REAL.example","name":"REALNAME","exp":9000,"https://api.openai.com/auth":{"chatgpt_plan_type":"plus","chatgpt_account_id":"acc-1","organizations":["REALORG"]}}"#))",
        "access_token": "\(token(#"{"exp":2000,"sub":"REALSUB"}"#))", "refresh_token": "rt_REALREFRESH", "account_id": "acc-1"},
        "last_refresh": "2026-01-01T00:00:00Z"}
        """

    /// A server that counts, and gives token after token.
    final class Server: Sendable {
        let requests = Mutex<[HTTPRequest]>([])
        let reply: HTTPReply?

        init(_ reply: HTTPReply? = nil) { self.reply = reply }

        var transport: HTTPTransport {
            { [self] (request) throws(CoopError) in
                let count = requests.withLock {
                    $0.append(request)
                    return $0.count
                }
                return reply
                    ?? HTTPReply(
                        status: 200,
                        body: Array(#"{"access_token":"NEWACCESS\#(count)","refresh_token":"NEWREFRESH\#(count)","expires_in":3600}"#.utf8))
            }
        }
    }

    static func file(_ service: OAuthService, _ text: String, _ place: Scratch, mode: mode_t = 0o600) throws -> OAuthCredentialFile {
        try place.write(service.path, text, mode: mode)
        return OAuthCredentialFile(service, userHome: place.path)
    }

    /// A server during whose answer something happens to the credential file.
    private static func refresher(_ place: Scratch, during event: @escaping @Sendable (String) throws -> Void) throws -> OAuthRefresher {
        let file = try Self.file(.claude, Self.claude, place)
        let server = Server()
        let path = file.path
        return OAuthRefresher(
            file,
            transport: { (request) throws(CoopError) in
                let reply = try server.transport(request)
                do { try event(path) } catch { throw CoopError(.failed, "\(error)", "") }
                return reply
            })
    }

    @Test func tokensThatCannotBeWrittenAreGoodUntilTheyCanBe() throws {
        let place = try Scratch()
        let refresher = try Self.refresher(place) { path in try FileSystem.replace(path, with: Array("broken".utf8)) }
        #expect(try refresher.refresh(unlessChangedFrom: "sk-ant-oat01-REALACCESS").access == "NEWACCESS1")
        let journal = refresher.file.path + ".coop-tokens"
        #expect(try (FileSystem.status(journal)?.st_mode ?? 0) & 0o777 == 0o600)
        try place.write(refresher.file.service.path, Self.claude)
        #expect(try refresher.file.tokens().refresh == "NEWREFRESH1")
        #expect(try String(osBytes: FileSystem.read(refresher.file.path)).contains("NEWREFRESH1"))
        #expect(FileSystem.kind(journal) == nil)
    }

    @Test func whoLogsInAnewMeanwhileKeepsThatLogin() throws {
        let place = try Scratch()
        let other = Self.claude.replacing("REAL", with: "OTHER")
        let refresher = try Self.refresher(place) { path in try FileSystem.replace(path, with: Array(other.utf8)) }
        #expect(try refresher.refresh(unlessChangedFrom: "sk-ant-oat01-REALACCESS").access == "sk-ant-oat01-OTHERACCESS")
        #expect(try refresher.file.tokens().refresh == "sk-ant-ort01-OTHERREFRESH")
        #expect(FileSystem.kind(refresher.file.path + ".coop-tokens") == nil)
    }

    @Test func whoLogsOutMeanwhileStaysSo() throws {
        let place = try Scratch()
        let refresher = try Self.refresher(place) { path in unlink(path) }
        #expect(throws: CoopError.self) { try refresher.refresh(unlessChangedFrom: "sk-ant-oat01-REALACCESS") }
        #expect(FileSystem.kind(refresher.file.path) == nil && FileSystem.kind(refresher.file.path + ".coop-tokens") == nil)
    }

    @Test func noServerIsAskedWithoutRoomForItsAnswer() throws {
        let place = try Scratch()
        let server = Server()
        let refresher = OAuthRefresher(try Self.file(.claude, Self.claude, place), transport: server.transport)
        try FileSystem.makeDirectories(refresher.file.path + ".coop-tokens")
        #expect(throws: CoopError.self) { try refresher.refresh(unlessChangedFrom: "sk-ant-oat01-REALACCESS") }
        #expect(server.requests.withLock { $0.isEmpty })
    }

    @Test func aJournalOfAnotherLoginIsWorthNothing() throws {
        let place = try Scratch()
        let file = try Self.file(.claude, Self.claude, place)
        let journal = TokenJournal(for: file.path)
        for text in ["", "{", "{}"] {
            try FileSystem.replace(file.path + ".coop-tokens", with: Array(text.utf8))
            #expect(try file.tokens().access == "sk-ant-oat01-REALACCESS")
            #expect(!journal.exists)
        }
        try journal.prepare()
        try journal.record(.init(used: "another", OAuthTokens(access: "X", refresh: "Y"), time: 0))
        #expect(journal.read()?.tokens.refresh == "Y")
        #expect(try file.tokens().access == "sk-ant-oat01-REALACCESS")
        #expect(!journal.exists)
    }

    @Test(arguments: [(OAuthService.claude, claude), (.codex, codex)]) func theSandboxsFileHoldsNothingReal(
        _ service: OAuthService, _ text: String
    ) throws {
        let place = try Scratch()
        let grant = try OAuthGrant(OAuthRefresher(try Self.file(service, text, place), transport: Server().transport), stubs: Self.maker)
        #expect(grant.file.service.path == service.path)
        var shown = grant.file.contents
        let value = try JSONValue.parse(Array(shown.utf8))
        for path in [service.accessToken, service.refreshToken, service.idToken ?? []] where !path.isEmpty {
            let stub = try #require(value.at(path)?.string)
            if let claims = JSONWebToken.claims(stub) { shown += claims.text() }
            #expect(stub.contains("CoopStub"))
        }
        #expect(!shown.contains("REAL"))
        let secrets = grant.secrets
        #expect(secrets.count == (service.idToken == nil ? 2 : 3))
    }

    @Test func theShapesAreThoseThatTheAgentsRead() throws {
        let place = try Scratch()
        let claude = try OAuthGrant(
            OAuthRefresher(try Self.file(.claude, Self.claude, place), transport: Server().transport), stubs: Self.maker)
        var value = try JSONValue.parse(Array(claude.file.contents.utf8))
        #expect(value.at(["claudeAiOauth", "accessToken"])?.string?.hasPrefix("sk-ant-oat01-") == true)
        #expect(value.at(["claudeAiOauth", "refreshToken"])?.string?.hasPrefix("sk-ant-ort01-") == true)
        #expect(value.at(["claudeAiOauth", "expiresAt"])?.integer == 2_000_000)
        #expect(value.at(["claudeAiOauth", "scopes"])?.strings == ["user:inference", "user:profile"])
        #expect(value["mcpOAuth"] == nil)
        let codex = try OAuthGrant(
            OAuthRefresher(try Self.file(.codex, Self.codex, place), transport: Server().transport), stubs: Self.maker)
        value = try JSONValue.parse(Array(codex.file.contents.utf8))
        let id = try #require(JSONWebToken.claims(value.at(["tokens", "id_token"])?.string ?? ""))
        #expect(id["https://api.openai.com/auth"]?["chatgpt_plan_type"]?.string == "plus")
        // The same in every sandbox of a project, whenever it starts.
        #expect(id["exp"]?.integer == 4_102_444_800)
        #expect(value["OPENAI_API_KEY"] == .null)
        #expect(value.at(["tokens", "account_id"])?.string == "acc-1")
    }

    @Test func refreshingKeepsWhatIsNotKnownAndTheMode() throws {
        let place = try Scratch()
        let server = Server()
        let file = try Self.file(.claude, Self.claude, place, mode: 0o640)
        let refresher = OAuthRefresher(file, transport: server.transport, now: { 1800 })
        #expect(try refresher.current().access == "NEWACCESS1")
        #expect(try refresher.current().access == "NEWACCESS1")
        #expect(server.requests.withLock { $0.count } == 1)
        let body = try JSONValue.parse(server.requests.withLock { $0[0].body })
        #expect(body["refresh_token"]?.string == "sk-ant-ort01-REALREFRESH")
        let after = try JSONValue.parse(Array(try place.read(".claude/.credentials.json").utf8))
        #expect(after.at(["claudeAiOauth", "refreshToken"])?.string == "NEWREFRESH1")
        #expect(after.at(["claudeAiOauth", "expiresAt"])?.integer == Int64(5_400_000))
        #expect(after.at(["claudeAiOauth", "unknown", "kept"]) == .number("1.50"))
        #expect(after.at(["mcpOAuth", "x", "accessToken"])?.string == "REALMCP")
        #expect((try FileSystem.status(file.path)?.st_mode ?? 0) & 0o777 == 0o640)
    }

    @Test func aLinkedFileStaysALink() throws {
        let place = try Scratch()
        try place.write("dotfiles/creds.json", Self.claude)
        try FileSystem.makeDirectories(place.path(".claude"))
        symlink(place.path("dotfiles/creds.json"), place.path(".claude/.credentials.json"))
        let file = OAuthCredentialFile(.claude, userHome: place.path)
        _ = try OAuthRefresher(file, transport: Server().transport, now: { 1800 }).current()
        #expect(FileSystem.readLink(place.path(".claude/.credentials.json")) != nil)
        #expect(try place.read("dotfiles/creds.json").contains("NEWACCESS1"))
    }

    @Test func theSandboxsRefreshIsAnsweredWithStubs() throws {
        let place = try Scratch()
        let server = Server()
        let grant = try OAuthGrant(
            OAuthRefresher(try Self.file(.claude, Self.claude, place), transport: server.transport, now: { 1000 }), stubs: Self.maker)
        let stub = try JSONValue.parse(Array(grant.file.contents.utf8)).at(["claudeAiOauth", "refreshToken"])?.string ?? ""
        #expect(grant.isRefresh(method: "POST", host: "console.anthropic.com", port: 443, path: "/v1/oauth/token"))
        #expect(grant.isRefresh(method: "POST", host: "platform.claude.com", port: 443, path: "/v1//oauth/./token"))
        #expect(!grant.isRefresh(method: "GET", host: "console.anthropic.com", port: 443, path: "/v1/oauth/token"))
        #expect(!grant.isRefresh(method: "POST", host: "api.anthropic.com", port: 443, path: "/v1/oauth/token"))
        for (number, body) in [
            #"{"grant_type":"refresh_token","refresh_token":"\#(stub)","client_id":"x"}"#, "grant_type=refresh_token&refresh_token=\(stub)",
        ].enumerated() {
            let now = Int64(1000 + 100 * number)
            // Asking at once again is answered without asking the server again.
            for _ in 0..<2 { #expect(grant.answer(Array(body.utf8), now: now).failure == nil) }
            let reply = grant.answer(Array(body.utf8), now: now).http
            #expect(reply.status == 200)
            let text = String(decoding: reply.body, as: UTF8.self)
            #expect(!text.contains("NEW") && !text.contains("REAL"))
            #expect(reply.json?["refresh_token"]?.string == stub)
            #expect(reply.json?["expires_in"]?.integer == 4600 - now)
            #expect(server.requests.withLock { $0.count } == number + 1)
        }
        #expect(SecretStoreTests.text(try grant.credential.value()) == "NEWACCESS2")
        for bad in [
            "", "{}", #"{"grant_type":"refresh_token","refresh_token":"sk-ant-ort01-REALREFRESH"}"#,
            "grant_type=password&refresh_token=\(stub)",
        ] {
            #expect(grant.answer(Array(bad.utf8), now: 0).http.status == 400)
        }
        #expect(server.requests.withLock { $0.count } == 2)
    }

    @Test func aRefusedRefreshTellsTheUserToLogInAndTheSandboxNothing() throws {
        let place = try Scratch()
        let server = Server(HTTPReply(status: 400, body: Array(#"{"error":"invalid_grant"}"#.utf8)))
        let refresher = OAuthRefresher(try Self.file(.claude, Self.claude, place), transport: server.transport, now: { 2001 })
        let error = #expect(throws: CoopError.self) { try refresher.current() }
        #expect(error?.next == "claude auth login")
        #expect(error?.message.contains("REAL") == false)
        #expect(try place.read(".claude/.credentials.json") == Self.claude)
    }

    @Test func aTokenThatIsStillGoodIsUsedWhenTheServerIsAway() throws {
        let place = try Scratch()
        let refresher = OAuthRefresher(
            try Self.file(.claude, Self.claude, place), transport: Server(HTTPReply(status: 503)).transport, now: { 1800 })
        #expect(try refresher.current().access == "sk-ant-oat01-REALACCESS")
    }

    @Test func nothingIsRefreshedAnyMoreWhenTheGateIsClosed() throws {
        let place = try Scratch()
        let server = Server()
        let gate = RefreshGate()
        let refresher = OAuthRefresher(
            try Self.file(.claude, Self.claude, place), transport: server.transport, gate: gate, now: { 2001 })
        gate.close()
        #expect(throws: CoopError.self) { try refresher.current() }
        #expect(server.requests.withLock { $0.count } == 0)
    }

    @Test func theStubsOfAProjectStayTheSame() throws {
        let place = try Scratch()
        let directory = place.path("vault")
        let shape = StubShape()
        #expect(try StubMaker.stored(in: directory, makes: false).stub("x", shape) != StubMaker().stub("x", shape))
        #expect(FileSystem.kind(directory) == nil)
        let first = try StubMaker.stored(in: directory, makes: true).stub("x", shape)
        #expect(try StubMaker.stored(in: directory, makes: true).stub("x", shape) == first)
        #expect(try StubMaker.stored(in: directory, makes: false).stub("x", shape) == first)
        #expect((try FileSystem.status(directory + "/stubs")?.st_mode ?? 0) & 0o777 == 0o600)
    }

    @Test func aFileThatTheAgentHasRefreshedMeanwhileIsTakenAsItIs() throws {
        let place = try Scratch()
        let file = try Self.file(.claude, Self.claude, place)
        let path = place.path(".claude/.credentials.json")
        let refresher = OAuthRefresher(
            file,
            transport: { (_) throws(CoopError) in
                try? FileSystem.replace(
                    path, with: Array(#"{"claudeAiOauth":{"accessToken":"AGENTS","refreshToken":"R","expiresAt":9000000}}"#.utf8))
                return HTTPReply(status: 400, body: Array(#"{"error":"invalid_grant"}"#.utf8))
            }, now: { 1800 })
        #expect(try refresher.current().access == "AGENTS")
    }

    @Test func eightProcessesRefreshOnce() async throws {
        let place = try Scratch()
        _ = try Self.file(.claude, Self.claude, place)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = place.path as String] in
                        let file = OAuthCredentialFile(.claude, userHome: path)
                        let refresher = OAuthRefresher(
                            file,
                            transport: { (_) throws(CoopError) in
                                // One byte for each call that reached the server.
                                guard let calls = try? Descriptor.open(path + "/calls", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600),
                                    (try? calls.writeAll([1])) != nil
                                else { throw CoopError(.failed, "cannot count", "") }
                                return HTTPReply(
                                    status: 200, body: Array(#"{"access_token":"NEW","refresh_token":"NEWR","expires_in":3600}"#.utf8))
                            }, now: { 1800 })
                        guard try refresher.current().access == "NEW" else { exit(1) }
                        guard try refresher.refresh(unlessChangedFrom: "sk-ant-oat01-REALACCESS").access == "NEW" else { exit(2) }
                    }
                }
            }
        }
        #expect(try FileSystem.read(place.path("calls")).count == 1)
    }

    @Test func killedWhileWritingItLeavesAWholeFile() async throws {
        let place = try Scratch()
        _ = try Self.file(.claude, Self.claude, place)
        for round in 0..<4 {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = place.path as String, delay = 2000 + round * 3000 as Int] in
                let file = OAuthCredentialFile(.claude, userHome: path)
                let thread = Thread(microseconds: UInt32(delay))
                for number in 0... {
                    try file.write(OAuthTokens(access: "A\(number)", refresh: "R\(number)", expiresAt: Int64(number)), now: 0)
                }
                withExtendedLifetime(thread) {}
            }
            let tokens = try OAuthCredentialFile(.claude, userHome: place.path).tokens()
            #expect(tokens.access.dropFirst() == tokens.refresh?.dropFirst() || tokens.access.contains("REALACCESS"))
        }
    }

    @Test func someoneWhoIsNotLoggedInIsToldHow() throws {
        let place = try Scratch()
        for text in ["", "{}", "[]", #"{"claudeAiOauth":{"accessToken":""}}"#] {
            let file = try Self.file(.claude, text, place)
            let error = #expect(throws: CoopError.self) { try file.tokens() }
            #expect(error?.code == .notReady && error?.next == "claude auth login")
        }
    }
}
