import Glibc
import LinuxKernel
import TestSupport
import Testing

/// One ordinary identity, where all of them would show the same.
private let anyone = TestIdentity.ordinary.first ?? .root

/// Logins of claude and codex through the built programs: the agent has stubs, the services see the real tokens, and new ones are made on
/// the host.
@Suite struct LoginTests {
    private static let access = "REAL-access-0-0123456789"
    private static let refresh = "REAL-refresh-0-0123456789"

    /// A host with a login, and a server.
    private struct Host {
        var place: Sandboxed
        var server: LoginServer
        /// The credential file, relative to the home.
        var file: String
        var service: String

        var path: String { place.home + "/" + file }
        var text: String { get throws { String(osBytes: try FileSystem.read(path)) } }

        /// A run of the program that plays the agent.
        func run(_ steps: [String], options: [String] = []) throws -> ChildProcess.Outcome {
            try place.run(["python3", "agent.py", service] + steps, options: options)
        }
    }

    private func host(_ service: String = "claude", _ identity: TestIdentity = anyone, expires: Int = 3600) throws -> Host {
        let place = try Sandboxed(identity)
        let codex = service == "codex"
        let access = codex ? LoginTests.token(expires: expires) : LoginTests.access
        let server = try LoginServer(place, access: access, refresh: LoginTests.refresh)
        let file = codex ? ".codex/auth.json" : ".claude/.credentials.json"
        let host = Host(place: place, server: server, file: file, service: service)
        try LoginTests.logIn(host, access: access, expires: expires)
        try place.configure(server.configuration())
        let added = try place.coop(["grant", "add", service, "--provider", service])
        guard added.exitCode == 0 else { throw TestSupportError("\(added)") }
        try place.write("agent.py", LoginTests.agent)
        return host
    }

    private static func logIn(_ host: Host, access: String, expires: Int) throws {
        let text =
            host.service == "codex"
            ? """
            {"OPENAI_API_KEY": null, "tokens": {"id_token": "\(token(expires: expires, "REALNAME"))", "access_token": "\(access)",
            "refresh_token": "\(refresh)", "account_id": "acc-1"}, "last_refresh": "2026-01-01T00:00:00Z"}
            """
            : """
            {"claudeAiOauth": {"accessToken": "\(access)", "refreshToken": "\(refresh)", "expiresAt": \((time(nil) + expires) * 1000),
            "scopes": ["user:inference"], "subscriptionType": "max"}, "mcpOAuth": {"x": "REAL-other-0123456789"}}
            """
        try host.place.write(host.path, text, mode: 0o600)
    }

    /// A JSON Web Token.
    private static func token(expires: Int, _ name: String = "x") -> String {
        let python =
            "import base64,json,sys\nprint('.'.join(base64.urlsafe_b64encode(t.encode()).decode().rstrip('=') for t in sys.argv[1:]))"
        let claims = #"{"exp": \#(time(nil) + expires), "name": "\#(name)"}"#
        let made = try? ChildProcess.run(["/usr/bin/python3", "-c", python, #"{"alg":"RS256"}"#, claims, "REAL-signature"])
        return (made?.output ?? "").split(separator: "\n").first.map(String.init) ?? ""
    }

    /// Plays the agent. A step is `api`, `post`, `refresh`, `foreign`, `file`, `wait` (for a line), or `leak` (sends the file `known`).
    private static let agent = #"""
        import json, os, sys, urllib.error, urllib.request
        codex = sys.argv[1] == "codex"
        path = os.path.expanduser("~/.codex/auth.json" if codex else "~/.claude/.credentials.json")
        def load():
            data = json.load(open(path))
            part = data["tokens"] if codex else data["claudeAiOauth"]
            return data, part, "access_token" if codex else "accessToken", "refresh_token" if codex else "refreshToken"
        def send(url, fields, body=None):
            request = urllib.request.Request(url, body, fields)
            try: reply = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error: reply = error
            text = reply.read().decode()
            print(reply.status, reply.headers, text, flush=True)
            return reply.status, text
        for step in sys.argv[2:]:
            data, part, access, refresh = load()
            api = "https://chatgpt.com/backend-api/responses" if codex else "https://api.anthropic.com/v1/messages"
            endpoint = "https://auth.openai.com/oauth/token" if codex else "https://console.anthropic.com/v1/oauth/token"
            print("STEP", step, flush=True)
            if step == "api": send(api, {"Authorization": "Bearer " + part[access]})
            if step == "post": send(api, {"Authorization": "Bearer " + part[access]}, b"a body of the agent's " * 1000)
            if step == "leak": send(api, {"Authorization": "Bearer " + part[access]}, open("known", "rb").read())
            if step == "file": print(open(path).read(), oct(os.stat(path).st_mode & 0o777), dict(os.environ))
            if step == "wait": sys.stdin.readline()
            if step in ("refresh", "foreign"):
                token = part[refresh] if step == "refresh" else "REAL-of-somebody-else"
                status, text = send(endpoint, {"Content-Type": "application/json"},
                    json.dumps({"grant_type": "refresh_token", "refresh_token": token, "client_id": "x"}).encode())
                if status == 200:
                    part[access], part[refresh] = json.loads(text)["access_token"], json.loads(text)["refresh_token"]
                    part["written"] = "by the agent"
                    new = path + "." + os.urandom(8).hex()
                    with open(new, "w") as file: json.dump(data, file)
                    os.rename(new, path)
        """#

    /// Nothing of any real token is in what the sandbox had, in its HOME, the project, or the record.
    private func expectNothingReal(_ host: Host, _ outcome: ChildProcess.Outcome, at location: SourceLocation = #_sourceLocation) throws {
        #expect(!outcome.output.contains("REAL") && !outcome.error.contains("REAL"), "\(outcome)", sourceLocation: location)
        let found = try ChildProcess.run(["grep", "-rlF", "REAL-", host.place.coopHome])
        #expect(found.output.isEmpty, "\(found)", sourceLocation: location)
    }

    @Test("the service sees the real token, the agent only stubs", arguments: ["claude", "codex"])
    func injected(_ service: String) throws {
        for identity in TestIdentity.all {
            let host = try host(service, identity)
            let outcome = try host.run(["file", "api"])
            #expect(outcome.exitCode == 0 && outcome.output.contains("\"ok\": true"), "\(outcome)")
            #expect(outcome.output.contains("CoopStub") && outcome.output.contains("0o600"), "\(outcome)")
            try expectNothingReal(host, outcome)
            #expect(try host.server.refreshes == [0, 0])
            #expect(try host.place.remains() == [])
        }
    }

    @Test("a run puts a fresh file in the place of what an earlier one left", arguments: ["gone", "rewritten", "link", "link above"])
    func fresh(_ state: String) throws {
        let host = try host()
        let change =
            switch state {
            case "gone": "rm -r ~/.claude"
            case "rewritten": "echo {} > ~/.claude/.credentials.json"
            case "link": "ln -sf /etc/hostname ~/.claude/.credentials.json"
            default: "mv ~/.claude ~/.other; ln -s .other ~/.claude; echo kept > ~/.other/.credentials.json"
            }
        #expect(try host.place.shell(change).exitCode == 0)
        let outcome = try host.run(["api"])
        #expect(outcome.output.contains("\"ok\": true"), "\(outcome)")
        if state == "link above" { #expect(try host.place.shell("cat ~/.other/.credentials.json").output == "kept\n") }
        // The host's own is as it was.
        #expect(try host.text.contains(LoginTests.access))
    }

    @Test("a token that ends is refreshed on the host, ahead, and the new one never enters", arguments: ["claude", "codex"])
    func ahead(_ service: String) throws {
        let host = try host(service, expires: 60)
        let outcome = try host.run(["api", "api"])
        #expect(outcome.output.components(separatedBy: "\"ok\": true") == 3, "\(outcome)")
        try expectNothingReal(host, outcome)
        #expect(try host.server.refreshes == [1, 0])
        let text = try host.text
        #expect(text.contains("REAL-refresh-1") && text.contains(service == "codex" ? "acc-1" : "REAL-other"), "\(text)")
        #expect(try (FileSystem.status(host.path)?.st_mode ?? 0) & 0o777 == 0o600)
    }

    @Test("a token that ends while the sandbox runs; what is new is looked for from then on")
    func midRun() throws {
        let host = try host()
        let process = try host.place.start(["run", "--", "python3", "agent.py", "claude", "api", "wait", "api", "leak"], input: .pipe)
        #expect(try process.waitForOutput("STEP wait"))
        #expect(try host.server.refreshes == [0, 0])
        try LoginTests.logIn(host, access: LoginTests.access, expires: 60)
        // What the server will give out next, as if it had come in by another way.
        try host.place.write("known", "REAL-access-1-0123456789")
        try process.send("\n")
        let outcome = try process.wait()
        #expect(outcome.output.components(separatedBy: "\"ok\": true") == 3, "\(outcome)")
        #expect(outcome.output.contains("403") && outcome.output.contains("a secret of the user's"), "\(outcome)")
        #expect(!outcome.output.contains("REAL"), "\(outcome)")
        #expect(try host.server.refreshes == [1, 0])
    }

    @Test("no token, old or new, is in any process, file or variable inside", arguments: ["claude", "codex"])
    func searched(_ service: String) throws {
        // Only root reads the memory of every process.
        guard getuid() == 0 else { return }
        let host = try host(service, expires: 60)
        let process = try host.place.start(
            ["run", "--", "python3", "agent.py", service, "api", "refresh", "post", "file", "api", "wait"], input: .pipe)
        #expect(try process.waitForOutput("STEP wait"), "\(process.outputText) \(process.errorText)")
        #expect(try host.server.refreshes[0] >= 1)
        let warden = try host.place.warden()
        let beside = [process.pid] + (try Sandboxed.children(of: process.pid)).filter { $0 != warden }
        let values =
            (0...3).flatMap { ["REAL-access-\($0)-0123456789", "REAL-refresh-\($0)-0123456789"] } + ["REAL-signature"]
        let root = "/proc/\(warden)/root"
        let found = try SecretSearch(
            values: values.map { ($0, Array($0.utf8)) } + [("stub", Array("CoopStub".utf8))]
        ).run(
            warden: warden, beside: beside,
            directories: [root + host.place.project, root + host.place.home, root + "/tmp", root + "/run", host.place.coopHome])
        for value in values { #expect(found[value] == nil, "\(value): \(found[value] ?? [])") }
        #expect(found["stub"]?.contains("memory of python3") == true && found["stub"]?.contains { $0.hasPrefix("file ") } == true)
        try process.send("\n")
        #expect(try process.wait().exitCode == 0)
    }

    @Test("a token that the service refuses before its end is refreshed, and the request sent once more", arguments: ["claude", "codex"])
    func refused(_ service: String) throws {
        let host = try host(service)
        let access = try #require(try host.text.split(separator: service == "codex" ? "\"access_token\": \"" : "\"accessToken\": \"").last)
        try host.server.revoke(String(access.prefix { $0 != "\"" }))
        let outcome = try host.run(["post", "api"])
        #expect(outcome.output.components(separatedBy: "\"ok\": true") == 3 && !outcome.output.contains("\n401 "), "\(outcome)")
        try expectNothingReal(host, outcome)
        #expect(try host.server.refreshes == [1, 0])
        #expect(try host.text.contains("REAL-refresh-1"))
        let posts = try host.server.received.split(separator: "\n").filter { $0.contains(" POST ") && $0.contains("a body of the agent's") }
        #expect(posts.count == 2 && Set(posts.map { $0.split(separator: "a body").dropFirst().count }).count == 1, "\(posts)")
        #expect(try host.place.coop(["audit", "verify"]).exitCode == 0)
    }

    @Test("a service that refuses every token is asked for one once, and the agent sees the service's own answer")
    func refusedForGood() throws {
        let host = try host()
        try host.server.revoke("*")
        let start = ContinuousClock.now
        let outcome = try host.run(["api", "post", "api"])
        #expect(outcome.output.components(separatedBy: "\n401 ") == 4, "\(outcome)")
        #expect(outcome.output.components(separatedBy: "\"ok\": false") == 4 && !outcome.output.contains("REAL"), "\(outcome)")
        // A refused one is not tried again for half a minute.
        #expect(try [[1, 0], ContinuousClock.now - start < .seconds(30) ? [1, 0] : [2, 0]].contains(host.server.refreshes))
        let lost = try host.text.replacing("REAL-refresh-1", with: "REAL-refresh-x")
        try host.place.write(host.path, lost, mode: 0o600)
        let ended = try host.run(["api"])
        #expect(ended.output.contains("\n401 ") && !ended.output.contains("REAL"), "\(ended)")
        #expect(try host.place.coop(["audit", "show", "--json"]).output.contains("refresh-failed"))
    }

    @Test("five sandboxes whose token is refused refresh once")
    func refusedTogether() throws {
        let host = try host()
        try host.server.revoke(LoginTests.access)
        let processes = try (0..<5).map { _ in try host.place.start(["run", "--", "python3", "agent.py", "claude", "post", "api"]) }
        for process in processes {
            let outcome = try process.wait(timeout: 120)
            #expect(outcome.output.components(separatedBy: "\"ok\": true") == 3 && !outcome.output.contains("\n401 "), "\(outcome)")
        }
        #expect(try host.server.refreshes == [1, 0])
    }

    @Test("the agent's own refresh is answered on the host, with stubs", arguments: ["claude", "codex"])
    func asked(_ service: String) throws {
        let host = try host(service)
        let outcome = try host.run(["refresh", "file", "api"])
        #expect(outcome.output.contains("by the agent") && outcome.output.contains("\"ok\": true"), "\(outcome)")
        try expectNothingReal(host, outcome)
        #expect(try host.server.refreshes == [1, 0])
        #expect(try !host.server.received.contains("CoopStub"), "no stub leaves")
        let record = try host.place.coop(["audit", "show", "--json"]).output
        #expect(record.contains("refresh") && !record.contains("REAL"), "\(record)")
    }

    @Test("somebody else's refresh token does not leave")
    func foreign() throws {
        let host = try host()
        let outcome = try host.run(["foreign", "api"])
        #expect(outcome.output.contains("400") && outcome.output.contains("not the refresh token"), "\(outcome)")
        #expect(outcome.output.contains("\"ok\": true"), "\(outcome)")
        #expect(try !host.server.received.contains("somebody-else") && host.server.refreshes == [0, 0])
        #expect(try host.place.coop(["audit", "show", "--json"]).output.contains("foreignCredential"))
    }

    @Test("five sandboxes at once refresh once", arguments: ["api", "refresh"])
    func together(_ step: String) throws {
        let host = try host()
        let processes = try (0..<5).map { _ in
            try host.place.start(["run", "--", "python3", "agent.py", "claude", "api", "wait", step, "api"], input: .pipe)
        }
        for process in processes { #expect(try process.waitForOutput("STEP wait")) }
        #expect(try host.server.refreshes == [0, 0])
        if step == "api" { try LoginTests.logIn(host, access: LoginTests.access, expires: 60) }
        for process in processes {
            try process.send("\n")
            // What is sent leaves while somebody waits.
            #expect(try process.waitUntil { $0.outputText.components(separatedBy: "STEP ") == 4 })
        }
        for process in processes {
            let outcome = try process.wait(timeout: 120)
            #expect(outcome.exitCode == 0 && outcome.output.contains("\"ok\": true"), "\(outcome)")
            #expect(!outcome.output.contains("REAL") && !outcome.output.contains("\n401 "), "\(outcome)")
        }
        #expect(try host.server.refreshes == [1, 0])
    }

    @Test("a sandbox that is killed while the server has its answer in hand does not lose the login", arguments: ["coop", "all"])
    func killed(_ what: String) throws {
        let host = try host(expires: 60)
        try host.server.hold()
        let process = try host.place.start(["run", "--", "python3", "agent.py", "claude", "api"])
        #expect(try process.waitUntil { _ in (try? host.server.received.contains("/oauth/token")) ?? false })
        if what == "all" { kill(try host.place.warden(), SIGKILL) }
        kill(process.pid, SIGKILL)
        _ = try process.wait()
        #expect(try host.text.contains(LoginTests.refresh))
        try host.server.letGo()
        #expect(try Deadline.poll(seconds: 60) { try host.text.contains("REAL-refresh-1") })
        #expect(try host.run(["api"]).output.contains("\"ok\": true"))
        #expect(try host.server.refreshes == [1, 0])
        #expect(try Deadline.poll(seconds: 30) { try host.place.processes().isEmpty })
        #expect(try host.place.remains() == [])
    }

    @Test("whoever refreshes may be killed at any step once the tokens are written down", arguments: ["journal", "file"])
    func killedAt(_ step: String) throws {
        let host = try host(expires: 60)
        host.place.environment["COOP_TEST_KILL_AT"] = step
        let outcome = try host.run(["api"])
        #expect(outcome.output.contains("\"ok\": true") && !outcome.output.contains("REAL"), "\(outcome)")
        let journal = host.path + ".coop-tokens"
        host.place.environment["COOP_TEST_KILL_AT"] = nil
        #expect(try host.place.coop(["grant", "list"]).output.contains("ready"))
        #expect(try host.text.contains("REAL-refresh-1") && host.text.contains("REAL-other"))
        #expect(FileSystem.kind(journal) == nil)
        #expect(try host.run(["api", "refresh", "api"]).output.components(separatedBy: "\"ok\": true") == 3)
        #expect(try host.server.refreshes == [2, 0])
    }

    @Test("while one request waits for a token, others go on")
    func beside() throws {
        let host = try host(expires: 60)
        try host.server.hold()
        let process = try host.place.start(
            [
                "run", "--allow", "other.coop-test.example", "--", "/bin/sh", "-c",
                "python3 agent.py claude api & read line; curl -sSk --max-time 60 https://other.coop-test.example/beside; echo DONE; wait",
            ], input: .pipe)
        #expect(try process.waitUntil { _ in (try? host.server.received.contains("/oauth/token")) ?? false })
        try process.send("\n")
        #expect(try process.waitForOutput("DONE"))
        #expect(process.outputText.contains("\"ok\": false"), "\(process.outputText) \(process.errorText)")
        // Only then is the token given out.
        try host.server.letGo()
        #expect(try process.wait().output.contains("\"ok\": true"))
        #expect(try host.server.refreshes == [1, 0])
    }

    @Test("who has logged out on the host is told so")
    func loggedOut() throws {
        let host = try host()
        let process = try host.place.start(["run", "--", "python3", "agent.py", "claude", "wait", "api", "refresh"], input: .pipe)
        #expect(try process.waitForOutput("STEP wait"))
        #expect(unlink(host.path) == 0)
        try process.send("\n")
        let outcome = try process.wait()
        #expect(outcome.output.contains("claude is not logged in") && outcome.output.contains("claude auth login"), "\(outcome)")
        #expect(outcome.output.contains("\n401 ") && outcome.output.contains("invalid_grant"), "\(outcome)")
        let next = try host.run(["api"])
        #expect(next.exitCode == 125 && next.output.isEmpty && next.error.contains("Next: claude auth login"), "\(next)")
    }

    @Test("a login that the server has ended says so, and the sandbox does not see the token in the server's words")
    func ended() throws {
        let host = try host(expires: -60)
        try host.place.write(host.path, host.text.replacing(LoginTests.refresh, with: "REAL-refresh-used-0123"), mode: 0o600)
        let outcome = try host.run(["api"])
        #expect(outcome.output.contains("403") && outcome.output.contains("cannot refresh the login of claude"), "\(outcome)")
        #expect(!outcome.output.contains("REAL") && outcome.error.contains("claude auth login"), "\(outcome)")
    }

    @Test("the host's own directory of logins is not written to")
    func mounted() throws {
        let host = try host()
        let outcome = try host.run(["api"], options: ["-m", host.place.home + "/.claude"])
        #expect(outcome.exitCode == 126 && outcome.error.contains("is the host's own"), "\(outcome)")
        #expect(try host.text.contains(LoginTests.access))
    }

    @Test("the agent's directories can be elsewhere")
    func elsewhere() throws {
        let host = try host()
        try host.place.makeDirectory(host.place.home + "/logins")
        try FileSystem.rename(host.path, to: host.place.home + "/logins/.credentials.json")
        host.place.environment["CLAUDE_CONFIG_DIR"] = host.place.home + "/logins"
        #expect(try host.run(["api"]).output.contains("\"ok\": true"))
        // Told of it inside, the agent finds its stubs there.
        let outcome = try host.place.shell("cat $CLAUDE_CONFIG_DIR/.credentials.json", options: ["-e", "CLAUDE_CONFIG_DIR"])
        #expect(outcome.output.contains("CoopStub") && !outcome.output.contains("REAL"), "\(outcome)")
    }

    @Test("grants of logins are listed, and take nothing else")
    func commands() throws {
        let host = try host()
        let list = try host.place.coop(["grant", "list"]).output
        #expect(list.contains("claude") && list.contains("login") && list.contains("ready"), "\(list)")
        #expect(try host.place.coop(["grant", "providers", "--json"]).output.contains("logged in with a ChatGPT plan"))
        #expect(try host.place.coop(["grant", "add", "x", "--provider", "codex", "--secret", "Y"]).exitCode == 2)
        #expect(try host.place.coop(["grant", "add", "x", "--provider", "github"]).exitCode == 2)
        let codex = try host.place.coop(["grant", "add", "x", "--provider", "codex"])
        #expect(codex.exitCode == 0 && codex.error.contains("codex is not logged in"), "\(codex)")
        #expect(try host.place.coop(["grant", "remove", "x"]).exitCode == 0)
        #expect(try host.place.coop(["grant", "add", "again", "--provider", "claude"]).exitCode == 0)
        let twice = try host.run(["api"])
        #expect(twice.exitCode == 125 && twice.error.contains("two grants of the login of claude"), "\(twice)")
    }
}

extension String {
    /// How many parts a text divides it into.
    fileprivate func components(separatedBy text: String) -> Int { split(separator: text, omittingEmptySubsequences: false).count }
}
