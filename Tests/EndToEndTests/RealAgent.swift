import Glibc
import LinuxKernel
import TestSupport
import Testing

/// An agent as a person has installed it, a repository with a test that fails, and the services that play the task of mending it.
final class RealAgent {
    /// A virtual environment with the agents; nil where they cannot be had. Kept between runs.
    static let installed: String? = {
        let path = "/tmp/coop-test-agents.\(getuid())"
        let script = FileSystem.normalize(FileSystem.parent(of: #filePath) + "/../../Scripts/install-agents.sh")
        let made = try? ChildProcess.run([script, path], timeout: 1200)
        guard made?.exitCode == 0 else {
            print("the real agents cannot be installed, and are not tested: \(made.map { "\($0)" } ?? "no script")")
            return nil
        }
        return path
    }()

    static let key = "sk-ant-api03-REAL" + String(repeating: "k", count: 91)
    static let openAIKey = "sk-proj-REAL" + String(repeating: "k", count: 152)
    static let access = "REAL-access-0-0123456789"
    static let refresh = "REAL-refresh-0-0123456789"

    let name: String
    let place: Sandboxed
    let server: ModelServer

    /// - Parameters:
    ///   - settings: further ones of the server.
    ///   - login: whether it is logged in by OAuth; otherwise the person has a key.
    init(_ name: String, _ identity: TestIdentity, login: Bool = false, settings: String = "") throws {
        self.name = name
        place = try Sandboxed(identity)
        guard let environment = RealAgent.installed else { throw TestSupportError("no agents") }
        let packages = try #require(try FileSystem.list(environment + "/lib").first { $0.hasPrefix("python3") })
        let programs = [
            "claude": "lib/\(packages)/site-packages/claude_agent_sdk/_bundled/claude",
            "codex": "lib/\(packages)/site-packages/codex_cli_bin/bin/codex", "mini": "bin/mini", "aider": "bin/aider",
        ]
        try place.makeDirectory("../home/.local/bin")
        for (program, path) in programs { try place.link("../home/.local/bin/" + program, to: environment + "/" + path) }

        try place.write(
            "prices.py", "def total(prices):\n    result = 0\n    for price in prices:\n        result = price\n    return result\n")
        try place.write(
            "test_prices.py",
            """
            import unittest
            from prices import total


            class Total(unittest.TestCase):
                def test_all(self):
                    self.assertEqual(total([1, 2, 3]), 6)

            """)
        try place.write(".gitignore", "__pycache__\n.aider*\n")
        let repository = try place.hostShell("git init -q && git add . && git -c user.name=T -c user.email=t@example.com commit -qm first")
        guard repository.exitCode == 0 else { throw TestSupportError("\(repository)") }

        let token = login && name == "codex" ? RealAgent.webToken() : RealAgent.access
        let file = name == "codex" ? "/.codex/auth.json" : "/.claude/.credentials.json"
        server = try ModelServer(
            place.root + "/models",
            settings: """
                {"keys": ["\(RealAgent.key)", "\(RealAgent.openAIKey)", "\(token)"], "refresh": "\(RealAgent.refresh)",
                "file": "\(place("prices.py"))", "old": "        result = price", "new": "        result += price",
                "test": "\(RealAgent.test)", "login": "\(place.home + file)"\(settings.isEmpty ? "" : ", " + settings)}
                """)
        try place.configure(server.configuration)
        if login { try place.write(place.home + file, name == "codex" ? RealAgent.codexLogin(token) : RealAgent.claudeLogin, mode: 0o600) }
        variables = login ? [:] : ["ANTHROPIC_API_KEY": RealAgent.key, "OPENAI_API_KEY": RealAgent.openAIKey]
    }

    /// The command that tests the repository.
    static let test = "/usr/bin/python3 -m unittest -q 2>&1"

    /// What the person has set.
    var variables: [String: String]

    private static var claudeLogin: String {
        """
        {"claudeAiOauth": {"accessToken": "\(access)", "refreshToken": "\(refresh)", "expiresAt": \((time(nil) + 3600) * 1000),
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}}
        """
    }

    private static func codexLogin(_ token: String) -> String {
        """
        {"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens": {"id_token": "\(token)", "access_token": "\(token)",
        "refresh_token": "\(refresh)", "account_id": "acc-1"}, "last_refresh": "2026-01-01T00:00:00Z"}
        """
    }

    /// A JSON Web Token of an hour, in the form of codex's.
    private static func webToken() -> String {
        let python = """
            import base64, sys
            print(".".join(base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in sys.argv[1:3]) + "." + sys.argv[3])
            """
        let claims = """
            {"exp": \(time(nil) + 3600), "email": "person@example.com", "https://api.openai.com/auth":
            {"chatgpt_plan_type": "pro", "chatgpt_account_id": "acc-1", "chatgpt_user_id": "u-1"}}
            """
        let made = try? ChildProcess.run(["/usr/bin/python3", "-c", python, #"{"alg": "RS256"}"#, claims, access])
        return (made?.output ?? "").split(separator: "\n").first.map(String.init) ?? ""
    }

    /// The arguments of `coop` that start it.
    ///
    /// - Parameter task: handed over to work on and end; nil for a terminal.
    func arguments(_ task: String?) -> [String] {
        var own: [String] = []
        if name == "mini-swe-agent" { own = ["-m", "openai/gpt-5.2"] }
        if name == "aider" { own = ["--model", "gpt-4o", "--test-cmd", RealAgent.test, "--auto-test", "prices.py"] }
        return ["run"] + (task.map { ["--prompt", $0] } ?? []) + [name] + own
    }

    /// Hands it the task and waits for its end.
    func work(options: [String] = []) throws -> ChildProcess.Outcome {
        try place.coop(["run"] + options + arguments("fix the failing test").dropFirst(), environment: variables, timeout: 300)
    }

    /// The task is done, the services got real credentials, and nothing real is among what the sandbox had.
    func expectDone(at location: SourceLocation = #_sourceLocation) throws {
        #expect(try place.text("prices.py").contains("        result += price\n"), sourceLocation: location)
        let test = try place.hostShell(RealAgent.test)
        #expect(test.exitCode == 0 && test.output.contains("OK"), "\(test)", sourceLocation: location)
        let received = try server.received
        #expect(
            received.contains { $0.hasPrefix("GOT api.") && $0.contains(" good ") || $0.contains("/responses good ") },
            sourceLocation: location)
        #expect(!received.contains { $0.contains("CoopStub") && $0.contains("api.") }, "no stub leaves", sourceLocation: location)
        let found = try ChildProcess.run(["grep", "-rlE", "REALk|REAL-", place.coopHome + "/projects", place.project])
        #expect(found.output.isEmpty, "\(found)", sourceLocation: location)
    }
}
