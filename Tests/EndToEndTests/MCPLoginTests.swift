import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Logins at MCP servers through the built programs, with curl as the browser.
@Suite struct MCPLoginTests {
    private static let url = "https://mcp.coop-test.example/v1"

    private func host(_ identity: TestIdentity) throws -> (place: Sandboxed, server: LoginServer) {
        let place = try Sandboxed(identity)
        let server = try LoginServer(place, access: "nobody-has-this-one", refresh: "nor-has-anybody-this")
        try place.configure(server.configuration())
        return (place, server)
    }

    /// curl(1) as the user's browser.
    private func browse(_ place: Sandboxed, _ server: LoginServer, _ address: String) throws -> String {
        try place.outside([
            "curl", "-sSL", "--max-time", "60", "--cacert", server.certificate, "--noproxy", "*", "--connect-to",
            "auth.coop-test.example:443:127.0.0.1:\(server.port)", "-w", " %{http_code}", address,
        ]).output
    }

    private func logIn(_ place: Sandboxed, _ server: LoginServer, _ options: [String] = []) throws -> ChildProcess.Outcome {
        let process = try place.start(["grant", "mcp", "auth", "--json"] + options + [MCPLoginTests.url])
        guard try process.waitForOutput("}\n"), let address = MCPLoginTests.address(process.outputText) else {
            throw TestSupportError("no address: \(process.outputText) \(process.errorText)")
        }
        let back = address.split(separator: "redirect_uri=").last.map { $0.prefix { $0 != "&" } } ?? ""
        let callback = back.replacing("%3A", with: ":").replacing("%2F", with: "/")
        // Others may knock: they are refused, and the login goes on.
        #expect(try browse(place, server, callback + "?code=stolen&state=guessed").hasSuffix(" 400"))
        #expect(try browse(place, server, callback + "/elsewhere").hasSuffix(" 404"))
        let shown = try browse(place, server, address)
        #expect(shown.contains("You are logged in") && shown.hasSuffix(" 200"), "\(shown)")
        return try process.wait()
    }

    private static func address(_ output: String) -> String? {
        output.split(separator: "\"visit\":\"").dropFirst().first.map { String($0.prefix { $0 != "\"" }).replacing("\\/", with: "/") }
    }

    @Test("a login is made with a browser, and used by sandboxes that do not hold it", arguments: TestIdentity.all)
    func used(_ identity: TestIdentity) throws {
        let (place, server) = try host(identity)
        let outcome = try logIn(place, server, ["--name", "tracker"])
        #expect(outcome.exitCode == 0 && outcome.output.contains("\"tracker\"") && !outcome.output.contains("REAL"), "\(outcome)")
        #expect(try server.refreshes == [1, 0])
        let list = try place.coop(["grant", "mcp", "list"]).output
        #expect(list.contains("tracker") && list.contains("project") && list.contains("ready") && !list.contains("REAL"), "\(list)")
        let run = try place.shell(
            """
            curl -sSi \(MCPLoginTests.url)/tools; curl -sS https://mcp.coop-test.example/other; env; cat /proc/self/environ
            curl -sSi -H 'Authorization: Bearer mine' \(MCPLoginTests.url)
            """)
        #expect(run.output.contains("\"ok\": true") && !run.output.contains("REAL"), "\(run)")
        #expect(run.output.contains("\"ok\": false"), "the token goes below the server's own path only: \(run)")
        #expect(run.output.contains(" 403"), "\(run)")
        #expect(try server.received.contains("GOT mcp.coop-test.example GET /v1/tools Bearer REAL-access-1"))
        #expect(try !server.received.contains("Bearer mine"))
        #expect(try place.remains() == [])
    }

    @Test("a login that ends is refreshed on the host, once for five sandboxes")
    func refreshed() throws {
        let (place, server) = try host(TestIdentity.ordinary.first ?? .root)
        #expect(try logIn(place, server, ["--global"]).exitCode == 0)
        let file = place.coopHome + "/global/auth/mcp/mcp.coop-test.example.json"
        #expect(try (FileSystem.status(file)?.st_mode ?? 0) & 0o777 == 0o600)
        let text = String(osBytes: try FileSystem.read(file))
        let expires = try #require(text.split(separator: "\"expires_at\": ").last?.prefix { $0.isNumber })
        try place.write(file, text.replacing(expires, with: "\((time(nil) + 60) * 1000)"), mode: 0o600)
        let processes = try (0..<5).map { _ in
            try place.start(["run", "--", "curl", "-sS", MCPLoginTests.url])
        }
        for process in processes {
            let outcome = try process.wait(timeout: 120)
            #expect(outcome.output.contains("\"ok\": true") && !outcome.output.contains("REAL"), "\(outcome)")
        }
        #expect(try server.refreshes == [2, 0])
        let forced = try place.coop(["grant", "mcp", "refresh", "mcp.coop-test.example"])
        #expect(forced.exitCode == 0, "\(forced)")
        #expect(try server.refreshes == [3, 0])
        #expect(try place.coop(["grant", "mcp", "remove", "--global", "mcp.coop-test.example"]).exitCode == 0)
        #expect(try place.coop(["grant", "mcp", "remove", "--global", "mcp.coop-test.example"]).exitCode == 1)
        #expect(try place.coop(["grant", "mcp", "list", "--json"]).output.contains("\"logins\" : [\n\n  ]"))
        let gone = try place.coop(["grant", "mcp", "refresh", "mcp.coop-test.example"])
        #expect(gone.exitCode == 1 && gone.error.contains("coop grant mcp list"), "\(gone)")
    }

    @Test("whoever refreshes may be killed at any step once the tokens are written down", arguments: ["journal", "file"])
    func killedAt(_ step: String) throws {
        let (place, server) = try host(TestIdentity.ordinary.first ?? .root)
        #expect(try logIn(place, server, ["--global"]).exitCode == 0)
        let file = place.coopHome + "/global/auth/mcp/mcp.coop-test.example.json"
        let text = String(osBytes: try FileSystem.read(file))
        let expires = try #require(text.split(separator: "\"expires_at\": ").last?.prefix { $0.isNumber })
        try place.write(file, text.replacing(expires, with: "\((time(nil) + 60) * 1000)"), mode: 0o600)
        place.environment["COOP_TEST_KILL_AT"] = step
        let killed = try place.run(["curl", "-sS", MCPLoginTests.url])
        #expect(killed.output.contains("\"ok\": true") && !killed.output.contains("REAL"), "\(killed)")
        let journal = file + ".coop-tokens"
        #expect(try (FileSystem.status(journal)?.st_mode ?? 0) == S_IFREG | 0o600)
        place.environment["COOP_TEST_KILL_AT"] = nil
        #expect(try place.run(["curl", "-sS", MCPLoginTests.url]).output.contains("\"ok\": true"))
        #expect(try server.refreshes == [2, 0])
        #expect(try place.coop(["grant", "mcp", "refresh", "mcp.coop-test.example"]).exitCode == 0)
        #expect(try server.refreshes == [3, 0])
        #expect(FileSystem.kind(journal) == nil)
        #expect(String(osBytes: try FileSystem.read(file)).contains("REAL-refresh-3"))
        // What is written down goes with the login.
        try place.write(journal, "{}", mode: 0o600)
        #expect(try place.coop(["grant", "mcp", "remove", "--global", "mcp.coop-test.example"]).exitCode == 0)
        #expect(FileSystem.kind(journal) == nil)
    }

    @Test("a token that the server refuses before its end is refreshed, and the request sent once more")
    func refused() throws {
        let (place, server) = try host(TestIdentity.ordinary.first ?? .root)
        #expect(try logIn(place, server).exitCode == 0)
        try server.revoke("REAL-access-1-0123456789")
        let outcome = try place.shell("curl -sS -d body \(MCPLoginTests.url); curl -sS \(MCPLoginTests.url)")
        #expect(outcome.output.split(separator: "\"ok\": true", omittingEmptySubsequences: false).count == 3, "\(outcome)")
        #expect(!outcome.output.contains("REAL") && !outcome.output.contains("false"), "\(outcome)")
        #expect(try server.refreshes == [2, 0])
    }

    @Test("a server's certificate is verified, and a repository does not say where it is")
    func verified() throws {
        let (place, server) = try host(TestIdentity.ordinary.first ?? .root)
        let names = "[network.hosts]\n\"mcp.coop-test.example\" = \"127.0.0.1:\(server.port)\"\n"
        try place.configure(names)
        let unknown = try place.coop(["grant", "mcp", "auth", MCPLoginTests.url])
        #expect(unknown.exitCode == 4 && unknown.error.contains("not trusted"), "\(unknown)")
        try place.configure("[network]\nca = [\"\(server.certificate)\"]\n")
        try place.write("coop.toml", "name = \"x\"\n" + names)
        #expect(try place.coop(["trust", "--yes"]).exitCode == 0)
        let misled = try place.coop(["grant", "mcp", "auth", MCPLoginTests.url])
        #expect(misled.exitCode == 4 && misled.error.contains("cannot reach mcp.coop-test.example"), "\(misled)")
        #expect(try server.received.isEmpty)
    }

    @Test("who does not come back is waited for no longer than asked")
    func timeout() throws {
        let (place, server) = try host(TestIdentity.ordinary.first ?? .root)
        let outcome = try place.coop(["grant", "mcp", "auth", "--timeout", "1", MCPLoginTests.url])
        #expect(outcome.exitCode == 4 && outcome.error.contains("the browser has not come back"), "\(outcome)")
        #expect(outcome.error.contains("code_challenge=") && outcome.output.isEmpty)
        #expect(try !server.received.contains("/token"))
    }
}
