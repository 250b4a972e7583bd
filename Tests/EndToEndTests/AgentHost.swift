import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A host on which an agent is installed and logged in, and the servers that it speaks to. The program plays the agent: it reads its
/// credential file and asks its service.
final class AgentHost {
    static let access = "REAL-access-0-0123456789"
    static let refresh = "REAL-refresh-0-0123456789"

    let place: Sandboxed
    let server: LoginServer
    let agent: String

    /// The agent's credential file on the host.
    var path: String { place.home + (agent == "codex" ? "/.codex/auth.json" : "/.claude/.credentials.json") }
    var text: String { get throws { String(osBytes: try FileSystem.read(path)) } }

    /// - Parameter agent: `claude` or `codex`.
    init(_ agent: String, _ identity: TestIdentity) throws {
        self.agent = agent
        place = try Sandboxed(identity)
        let access = agent == "codex" ? AgentHost.token(expires: 3600) : AgentHost.access
        server = try LoginServer(place, access: access, refresh: AgentHost.refresh)
        try place.configure(server.configuration())
        try place.write("../home/.local/bin/\(agent)", AgentHost.program, mode: 0o755)
        self.access = access
    }

    private let access: String

    /// Logs the agent in on the host, as its own login would.
    ///
    /// - Parameter expires: seconds from now.
    func logIn(expires: Int = 3600, refresh: String? = AgentHost.refresh) throws {
        let rest = refresh.map { agent == "codex" ? #", "refresh_token": "\#($0)""# : #", "refreshToken": "\#($0)""# } ?? ""
        let text =
            agent == "codex"
            ? """
            {"OPENAI_API_KEY": null, "tokens": {"id_token": "\(AgentHost.token(expires: expires, "REALNAME"))", "access_token":
            "\(expires == 3600 ? access : AgentHost.token(expires: expires))", "account_id": "acc-1"\(rest)}, "last_refresh": "2026-01-01T00:00:00Z"}
            """
            : """
            {"claudeAiOauth": {"accessToken": "\(access)", "expiresAt": \((time(nil) + expires) * 1000),
            "scopes": ["user:inference"], "subscriptionType": "max"\(rest)}, "mcpOAuth": {"x": "REAL-other-0123456789"}}
            """
        try place.write(path, text, mode: 0o600)
    }

    /// `coop run AGENT STEPS…`.
    func run(_ steps: [String], options: [String] = [], environment: [String: String] = [:]) throws -> ChildProcess.Outcome {
        try place.coop(["run"] + options + [agent] + steps, environment: environment)
    }

    /// Nothing of any real token is in what the sandbox had or in its HOME.
    func expectNothingReal(_ outcome: ChildProcess.Outcome, at location: SourceLocation = #_sourceLocation) throws {
        #expect(!outcome.output.contains("REAL") && !outcome.error.contains("REAL"), "\(outcome)", sourceLocation: location)
        let found = try ChildProcess.run(["grep", "-rlF", "REAL", place.coopHome + "/projects"])
        #expect(found.output.isEmpty, "\(found)", sourceLocation: location)
    }

    /// A JSON Web Token.
    static func token(expires: Int, _ name: String = "x") -> String {
        let python =
            "import base64,sys\nprint('.'.join(base64.urlsafe_b64encode(t.encode()).decode().rstrip('=') for t in sys.argv[1:]))"
        let claims = #"{"exp": \#(time(nil) + expires), "name": "\#(name)"}"#
        let made = try? ChildProcess.run(["/usr/bin/python3", "-c", python, #"{"alg":"RS256"}"#, claims, "REAL-signature"])
        return (made?.output ?? "").split(separator: "\n").first.map(String.init) ?? ""
    }

    /// A step is `file`, `api` (with the login), `key` (with the API key), `env`, `wait` (for a line); everything else is left alone.
    private static let program = #"""
        #!/usr/bin/python3
        import json, os, sys, urllib.error, urllib.request
        codex = os.path.basename(sys.argv[0]) == "codex"
        path = os.path.expanduser("~/.codex/auth.json" if codex else "~/.claude/.credentials.json")
        api = "https://chatgpt.com/backend-api/responses" if codex else "https://api.anthropic.com/v1/messages"
        def send(url, fields):
            try: reply = urllib.request.urlopen(urllib.request.Request(url, None, fields))
            except urllib.error.HTTPError as error: reply = error
            print(reply.status, reply.headers, reply.read().decode(), flush=True)
        for step in sys.argv[1:]:
            if step == "file": print(open(path).read() if os.path.exists(path) else "no file", flush=True)
            if step == "env": print(dict(os.environ), flush=True)
            if step == "api":
                data = json.load(open(path))
                send(api, {"Authorization": "Bearer " + (data["tokens"]["access_token"] if codex else data["claudeAiOauth"]["accessToken"])})
            if step == "key": send(api, {"x-api-key": os.environ["ANTHROPIC_API_KEY"]})
            if step == "openai": send("https://api.openai.com/v1/models", {"Authorization": "Bearer " + json.load(open(path))["OPENAI_API_KEY"]})
            if step == "sample": path = os.path.expanduser("~/.sample/login.json"); print(open(path).read() if os.path.exists(path) else "no file")
            if step == "api-sample": send(api, {"Authorization": "Bearer " + json.load(open(path))["claudeAiOauth"]["accessToken"]})
            if step == "wait": print("WAITING", flush=True); sys.stdin.readline()
        """#
}
