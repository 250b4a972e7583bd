import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// The real agents, as an ordinary user: a whole task each, against scripted services.
@Suite(.enabled(if: RealAgent.installed != nil), .serialized) struct RealAgentTests {
    @Test("each does a whole task without a terminal, with a key", arguments: ["claude", "codex", "mini-swe-agent", "aider"])
    func headless(_ name: String) throws {
        for identity in TestIdentity.ordinary {
            let agent = try RealAgent(name, identity)
            let outcome = try agent.work()
            #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
            #expect(!outcome.output.contains("REAL") && !outcome.error.contains("REAL"), "\(outcome)")
            // Nothing was refused that anybody needs.
            #expect(!outcome.error.contains("coop: refused"), "\(outcome)")
            try agent.expectDone()
            #expect(try agent.place.remains() == [])
        }
    }

    @Test("a key that coop keeps does as well", arguments: ["claude", "codex"])
    func stored(_ name: String) throws {
        let agent = try RealAgent(name, anyone)
        let (variable, key) = name == "claude" ? ("ANTHROPIC_API_KEY", RealAgent.key) : ("OPENAI_API_KEY", RealAgent.openAIKey)
        let added = try agent.place.coop(["secret", "add", "--global", variable], input: .bytes(Array(key.utf8)))
        #expect(added.exitCode == 0, "\(added)")
        agent.variables = [:]
        let outcome = try agent.work()
        #expect(outcome.exitCode == 0, "\(outcome)")
        try agent.expectDone()
    }

    @Test("a login that ends while the agent works", arguments: ["claude", "codex"], ["ended", "refused"])
    func login(_ name: String, _ end: String) throws {
        let agent = try RealAgent(name, anyone, login: true, settings: #""expire": {"step": 1, "kind": "\#(end)"}"#)
        let outcome = try agent.work()
        #expect(outcome.exitCode == 0 && outcome.output.contains("The test passes now."), "\(outcome)")
        #expect(!outcome.output.contains("REAL") && !outcome.error.contains("REAL"), "\(outcome)")
        #expect(try agent.server.count("EXPIRED") == 1 && agent.server.count("REFRESHED") == 1 && agent.server.count("REFUSED") == 0)
        try agent.expectDone()
        // The host's own login is the new one.
        let file = agent.place.home + (name == "codex" ? "/.codex/auth.json" : "/.claude/.credentials.json")
        #expect(String(osBytes: try FileSystem.read(file)).contains("REAL-refresh-1"))
    }

    @Test("a person at a terminal: nothing is asked, at the first start and the second", arguments: ["claude", "codex", "aider"])
    func interactive(_ name: String) throws {
        let agent = try RealAgent(name, anyone)
        let ready = ["claude": "bypass permissions on", "codex": "Ask Codex to do anything", "aider": "prices.py\n>"][name] ?? ""
        let done = name == "aider" ? "OK" : "The test passes now."
        for attempt in 1...2 {
            let screen = try Screen(agent.place, agent.arguments(nil), environment: agent.variables)
            #expect(try screen.wait(for: ready), "\(screen.shown)")
            if attempt == 1 {
                #expect(try screen.enter("fix the failing test"), "\(screen.shown)")
                #expect(try screen.wait { $0.contains(done) && $0.contains(ready) }, "\(screen.shown)")
                try agent.expectDone()
            }
            #expect(try screen.enter(name == "codex" ? "/quit" : "/exit"), "\(screen.shown)")
            #expect(try screen.end() == 0, "\(screen.shown)")
            #expect(try !screen.text.contains("coop: refused") && !screen.text.contains("coop: cannot"), "\(screen.shown)")
        }
        let left = try agent.place.remains()
        #expect(left == [])
    }

    @Test("in the background it needs somebody when it asks for a permission, and goes on when it has got it")
    func permission() throws {
        let agent = try RealAgent("claude", anyone)
        let started = try agent.place.coop(["run", "-d", "--safe", "claude", "fix the failing test"], environment: agent.variables)
        let session = HostedSession(agent.place, id: started.output.split(separator: "\n").first.map(String.init) ?? "")
        // It asks before it runs the test, with a mark that blinks.
        #expect(
            try Deadline.poll(seconds: 120) { try session.field("reason") == "permission" },
            "\(started) \((try? session.events().filter { !$0.hasPrefix("terminal") }) ?? [])")
        #expect(try session.events().contains { $0.hasPrefix("permission ") && $0.contains("Do you want to proceed?") })
        // `No` comes first.
        #expect(try agent.place.coop(["send", "--key", "down", "--key", "enter", session.id]).exitCode == 0)
        #expect(try session.reaches("idle", seconds: 120), "\((try? session.events().filter { !$0.hasPrefix("terminal") }) ?? [])")
        try agent.expectDone()
        try session.stop()
        #expect(try agent.place.remains() == [])
    }

    @Test(
        "while it works, its processes and files hold stubs", .enabled(if: getuid() == 0), arguments: ["claude", "codex"], [false, true])
    func searched(_ name: String, _ login: Bool) throws {
        let agent = try RealAgent(name, anyone, login: login, settings: #""hold": 3"#)
        let run = try agent.place.start(agent.arguments("fix the failing test"), environment: agent.variables)
        #expect(try agent.server.wait(for: "HELD"))
        let values = [
            ("key", RealAgent.key), ("openai", RealAgent.openAIKey), ("access", RealAgent.access), ("refresh", RealAgent.refresh),
            ("stub", "CoopStub"),
        ]
        let found = try SecretSearch(values: values.map { (name: $0.0, bytes: Array($0.1.utf8)) }).run(
            warden: try agent.place.warden(), beside: [], directories: [agent.place.coopHome + "/projects", agent.place.project])
        for value in ["key", "openai", "access", "refresh"] { #expect(found[value] == nil, "\(value): \(found[value] ?? [])") }
        // The search finds what is there.
        #expect(found["stub"]?.contains { $0.hasPrefix("memory of \(name)") } == true, "\(found["stub"] ?? [])")
        #expect(found["looked"]?.contains { $0.hasPrefix("memory") } == true)
        try agent.server.letGo()
        let outcome = try run.wait()
        #expect(outcome.exitCode == 0, "\(outcome)")
        try agent.expectDone()
    }
}
