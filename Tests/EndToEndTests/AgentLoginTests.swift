import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// Agents that are logged in on the host, run by name: nobody says anything about a login, and it works.
@Suite struct AgentLoginTests {
    @Test("the host's own login works, by stubs, without a word", arguments: ["claude", "codex"], TestIdentity.all)
    func host(_ agent: String, _ identity: TestIdentity) throws {
        let host = try AgentHost(agent, identity)
        try host.logIn()
        let outcome = try host.run(["file", "api"])
        #expect(outcome.exitCode == 0 && outcome.output.contains("\"ok\": true"), "\(outcome)")
        #expect(outcome.output.contains("CoopStub"), "\(outcome)")
        #expect(outcome.error.split(separator: "\n").count == 1 && outcome.error.contains("your login as a stub"), "\(outcome)")
        try host.expectNothingReal(outcome)
        #expect(try host.server.refreshes == [0, 0])
        #expect(try host.place.remains() == [])
    }

    @Test("a token that ends is refreshed on the host, once", arguments: ["claude", "codex"])
    func refreshed(_ agent: String) throws {
        let host = try AgentHost(agent, anyone)
        try host.logIn(expires: 60)
        let outcome = try host.run(["api", "api"])
        #expect(outcome.output.contains("\"ok\": true") && !outcome.output.contains("\"ok\": false"), "\(outcome)")
        try host.expectNothingReal(outcome)
        #expect(try host.server.refreshes == [1, 0])
        #expect(try host.text.contains("REAL-refresh-1"))
    }

    @Test("a login that is broken or over is said, with what to do, and the run goes on", arguments: ["broken", "over", "empty"])
    func broken(_ state: String) throws {
        let host = try AgentHost("claude", anyone)
        switch state {
        case "over": try host.logIn(expires: -60, refresh: nil)
        case "broken": try host.place.write(host.path, "{\"claudeAiOauth\": ", mode: 0o600)
        default: try host.place.write(host.path, "{}", mode: 0o600)
        }
        let outcome = try host.run(["file"])
        #expect(outcome.exitCode == 0 && outcome.output == "no file\n", "\(outcome)")
        #expect(
            outcome.error.contains("claude") && outcome.error.contains("; the agent runs without it\nNext: claude auth login\n"),
            "\(outcome)")
        #expect(outcome.error.contains("no credentials"), "\(outcome)")
        // Who asks for the login by a grant is not given less.
        #expect(try host.place.coop(["grant", "add", "mine", "--provider", "claude"]).exitCode == 0)
        #expect(try host.run(["file"]).exitCode == 125)
    }

    @Test("who is not logged in gets no file, and hears nothing of it")
    func none() throws {
        let host = try AgentHost("claude", anyone)
        let outcome = try host.run(["file"])
        #expect(outcome.output == "no file\n" && outcome.error.split(separator: "\n").count == 1, "\(outcome)")
        try host.logIn()
        let closed = try host.run(["file"], options: ["--network", "none"])
        #expect(closed.output == "no file\n" && closed.error.contains("no network"), "\(closed)")
    }

    @Test("beside an API key both are there, and the agent chooses as it does on the host")
    func both() throws {
        let host = try AgentHost("claude", anyone)
        try host.logIn()
        let outcome = try host.run(
            ["api", "key"], environment: ["ANTHROPIC_API_KEY": "sk-ant-api03-REAL" + String(repeating: "k", count: 90)])
        #expect(outcome.output.contains("\"ok\": true") && outcome.error.contains("your login, ANTHROPIC_API_KEY as stubs"), "\(outcome)")
        try host.expectNothingReal(outcome)
    }

    @Test("a grant of the user's own goes before, and the host's directory is not written to")
    func own() throws {
        let host = try AgentHost("claude", anyone)
        try host.logIn()
        let mounted = try host.run(["file"], options: ["-m", host.place.home + "/.claude"])
        #expect(mounted.exitCode == 126 && mounted.error.contains("Next: leave out the mount, or set `login.taken = false`"), "\(mounted)")
        #expect(try host.place.coop(["grant", "add", "mine", "--provider", "claude"]).exitCode == 0)
        let explained = try host.place.coop(["explain", "--json", "claude"])
        #expect(explained.output.contains("grant mine") && !explained.output.contains("grant claude"), "\(explained)")
        #expect(try host.run(["api"]).output.contains("\"ok\": true"))
    }

    @Test("a login that is an API key in the agent's file")
    func key() throws {
        let host = try AgentHost("codex", anyone)
        let real = "sk-proj-REAL" + String(repeating: "k", count: 60)
        try host.place.write(host.path, "{\"auth_mode\": \"apikey\", \"OPENAI_API_KEY\": \"\(real)\", \"tokens\": null}", mode: 0o600)
        let outcome = try host.run(["file", "openai"])
        #expect(outcome.output.contains("\"OPENAI_API_KEY\": \"sk-proj-CoopStub") && outcome.output.contains("apikey"), "\(outcome)")
        #expect(outcome.error.contains("your login as a stub") && outcome.output.contains("401"), "\(outcome)")
        try host.expectNothingReal(outcome)
        #expect(try host.server.received.contains("GOT api.openai.com GET /v1/models Bearer \(real)"))
    }

    @Test("an agent of the user's own has its login the same way")
    func ownAgent() throws {
        let host = try AgentHost("claude", anyone)
        try host.logIn()
        try host.place.makeDirectory(host.place.home + "/.sample")
        try FileSystem.rename(host.path, to: host.place.home + "/.sample/login.json")
        try FileSystem.rename(host.place.home + "/.local/bin/claude", to: host.place.home + "/.local/bin/sample")
        let file = """
            name = "sample"
            binary = "sample"
            places = ["~/.local/bin/sample"]
            [login]
            command = ["sample", "sign-in"]
            [login.file]
            path = ".sample/login.json"
            access = ["claudeAiOauth", "accessToken"]
            refresh = ["claudeAiOauth", "refreshToken"]
            expiry = ["claudeAiOauth", "expiresAt"]
            [login.tokens]
            endpoints = ["https://platform.claude.com/v1/oauth/token"]
            client = "sample-client"
            hosts = ["api.anthropic.com"]
            """
        try host.place.write("../coophome/agents/sample.toml", file)
        let outcome = try host.place.coop(["run", "sample", "sample", "api-sample"])
        #expect(outcome.output.contains("CoopStub") && outcome.output.contains("\"ok\": true"), "\(outcome)")
        try host.expectNothingReal(outcome)
        #expect(try host.place.coop(["grant", "providers"]).output.contains("sample"))
        for (change, problem) in [
            (("client = \"sample-client\"\n", ""), "`login.tokens.client` is missing"),
            (("\"api.anthropic.com\"", "\"a b\""), "sample.toml:14:9: `login.tokens.hosts`"),
            (("path = \".sample/", "path = \"../"), "must be relative to the home directory"),
            (("[\"claudeAiOauth\", \"accessToken\"]", "[]"), "`login.file.access` must name a member"),
        ] {
            try host.place.write("../coophome/agents/sample.toml", file.replacing(change.0, with: change.1))
            let broken = try host.place.coop(["run", "sample"])
            #expect(broken.exitCode == 125 && broken.error.contains(problem), "\(broken)")
        }
        try host.place.write("../coophome/agents/sample.toml", file.replacing("[login]", with: "[login]\ntaken = false"))
        #expect(try host.place.coop(["run", "sample", "sample"]).output == "{}\n\n", "its old stubs are gone")
    }
}
