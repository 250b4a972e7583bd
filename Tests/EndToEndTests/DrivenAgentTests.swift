import Glibc
import LinuxKernel
import TestSupport
import Testing

/// The real agents as sessions in the background: watched, and driven by what a script has.
extension RealAgentTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root

    @Test("an interactive agent that nobody looks at takes a task by send, and its end is seen", arguments: ["claude", "codex"])
    func driven(_ name: String) throws {
        let agent = try RealAgent(name, Self.anyone)
        let place = agent.place
        let started = try place.coop(["run", "-d"] + agent.arguments(nil).dropFirst(), environment: agent.variables)
        #expect(started.exitCode == 0, "\(started)")
        let session = HostedSession(place, id: String(started.output.dropLast()))
        defer { _ = try? place.coop(["stop", session.id]) }
        // Silence alone may also be that of a program that is still loading.
        do {
            let looker = try Screen(place, program: [try BuiltPrograms.coop(), "attach", "--read-only", session.id], name: "looker")
            #expect(try looker.wait(for: name == "claude" ? "bypass permissions on" : "Ask Codex to do anything"), "\(looker.shown)")
        }
        let idle = try place.coop(["wait", session.id, "--for", "idle", "--timeout", "180s"], timeout: 240)
        #expect(idle.exitCode == 0, "\(idle)")
        let sent = try place.coop(["send", "--when-idle", session.id, "fix the failing test"])
        #expect(sent.exitCode == 0, "\(sent)")
        let fixed = try Deadline.poll(seconds: 240) { try place.text("prices.py").contains("+= price") }
        let terminal = try session.terminal
        try #require(fixed, "\(terminal.suffix(4000).debugDescription)")
        let done = try place.coop(["wait", session.id, "--for", "idle", "--timeout", "180s"], timeout: 240)
        #expect(done.exitCode == 0, "\(done)")
        try agent.expectDone()
        let watching = try place.start(["watch", session.id, "--json"])
        #expect(
            try watching.waitUntil { $0.outputText.contains("\"type\":\"input\"") && $0.outputText.contains("fix the failing test") },
            "\(watching.outputText)")
        watching.signal(SIGKILL)
        _ = try watching.wait()
        _ = try place.coop(["send", session.id, name == "codex" ? "/quit" : "/exit"])
        #expect(try session.reaches("exited (0)"))
        #expect(try place.remains() == [])
    }

    @Test("an agent with a task in the background tells what it does as events", arguments: ["claude", "codex"])
    func structured(_ name: String) throws {
        let agent = try RealAgent(name, Self.anyone)
        let place = agent.place
        let started = try place.coop(["run", "-d"] + agent.arguments("fix the failing test").dropFirst(), environment: agent.variables)
        #expect(started.exitCode == 0, "\(started)")
        let session = HostedSession(place, id: String(started.output.dropLast()))
        let end = try place.coop(["wait", session.id, "--timeout", "240s"], timeout: 300)
        #expect(end.exitCode == 0, "\(end)")
        try agent.expectDone()
        let events = try session.events()
        for type in ["message", "tool_call", "tool_result", "usage", "egress"] {
            #expect(events.contains { $0.hasPrefix(type + " ") }, "\(type) in \(events)")
        }
        #expect(try session.field("tokens") != nil)
        let watched = try place.coop(["watch", session.id])
        #expect(watched.exitCode == 0 && watched.output.contains("The test passes now."), "\(watched)")
        #expect(try place.remains() == [])
    }
}
