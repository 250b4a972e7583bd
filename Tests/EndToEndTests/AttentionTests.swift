import LinuxKernel
import TestSupport
import Testing

/// What a session waits for, by what its screen shows.
@Suite struct AttentionTests {
    /// An agent in the background that shows one screen after the other, each until a line is typed.
    private func agent(_ place: Sandboxed, screens: [String]) throws -> HostedSession {
        let shows = screens.map { "printf '\\033[2J\\033[H\($0)'; read x" }.joined(separator: "\n")
        try place.write("../home/.local/bin/claude", "#!/bin/sh\n\(shows)\n", mode: 0o755)
        let started = try place.coop(["run", "-d", "--network", "none", "claude"])
        guard started.exitCode == 0, let id = started.output.split(separator: "\n").first else { throw TestSupportError("\(started)") }
        return HostedSession(place, id: String(id))
    }

    @Test("a permission, a question and neither are told apart, however the screen came about", arguments: TestIdentity.all)
    func reasons(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let session = try agent(
            place,
            screens: [
                // The text is never written in one piece.
                #"a diff\033[5;17Hproceed?\033[5;2HDo you want to\n\n 1. Yes\n 2. No\n\007"#, #"Would you like to proceed?\n\n\n"#,
                #"Do you want to"#,
                // What has scrolled far up is answered.
                #"Do you want to proceed?\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n"#,
            ])
        func next(_ wanted: String) throws {
            #expect(try Deadline.poll(seconds: 30) { try session.field("reason") == wanted }, "\((try? session.events()) ?? [])")
            #expect(try session.field("state")?.hasPrefix("attention") == true)
            #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        }
        try next("permission")
        try next("question")
        for _ in 1...2 {
            #expect(try session.reaches("idle"), "\((try? session.events()) ?? [])")
            #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        }
        #expect(try session.reaches("exited (0)"))
        let events = try session.events()
        #expect(events.contains(#"permission {"text":" Do you want to proceed?"}"#), "\(events)")
        #expect(events.contains(#"attention {"text":"Would you like to proceed?","reason":"question"}"#), "\(events)")
        #expect(events.count { $0.hasPrefix("permission ") } == 1 && events.count { $0.hasPrefix("attention ") } == 1, "\(events)")
        #expect(try place.remains() == [])
    }

    @Test("one that blinks while it asks needs attention all the same, until somebody answers", arguments: TestIdentity.ordinary)
    func blinking(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write(
            "../home/.local/bin/claude",
            """
            #!/bin/bash
            printf '\\033[2J\\033[5;1HDo you want to proceed?'
            until read -t 0.3 x; do printf '\\033[H*\\033[6;1H'; read -t 0.3 x && break; printf '\\033[H \\033[6;1H'; done
            printf '\\033[2J\\033[Hworking'
            until read -t 0.3 x; do printf '.'; done
            """, mode: 0o755)
        let started = try place.coop(["run", "-d", "--network", "none", "claude"])
        let session = HostedSession(place, id: started.output.split(separator: "\n").first.map(String.init) ?? "")
        #expect(try Deadline.poll(seconds: 30) { try session.field("reason") == "permission" })
        let before = try session.terminal.utf8.count
        #expect(try Deadline.poll(seconds: 30) { try session.terminal.utf8.count > before + 100 })
        #expect(try session.field("reason") == "permission")
        #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        #expect(try Deadline.poll(seconds: 30) { try session.terminal.contains("working....................") })
        #expect(try session.field("state")?.hasPrefix("working") == true)
        #expect(try session.events().count { $0.hasPrefix("permission ") } == 1)
        #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        #expect(try session.reaches("exited"))
    }

    @Test("an agent that is loading is not idle: what waits for that is typed when it shows something", arguments: TestIdentity.ordinary)
    func loading(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // What was typed before is lost with TCSAFLUSH, as node's and others' switch to raw mode may lose it.
        try place.write(
            "../home/.local/bin/claude",
            """
            #!/usr/bin/python3
            import os, time, tty
            print(end="\\033[?2004h\\033(B", flush=True)
            time.sleep(4)
            tty.setraw(0)
            print(end="ready ", flush=True)
            print(os.read(0, 100), end="", flush=True)
            """, mode: 0o755)
        let started = try place.coop(["run", "-d", "--network", "none", "claude"])
        let session = HostedSession(place, id: started.output.split(separator: "\n").first.map(String.init) ?? "")
        #expect(try place.coop(["send", "--when-idle", session.id, "do this"]).exitCode == 0)
        #expect(try session.reaches("exited (0)"))
        #expect(try Deadline.poll(seconds: 30) { try session.terminal.hasSuffix("ready b'do this'") })
    }

    @Test("the same on the terminal of a command that is no agent means nothing")
    func notAgent() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let session = try HostedSession(place, command: ["sh", "-c", "echo 'Do you want to proceed?'; read x"])
        #expect(try session.reaches("idle"))
        try session.stop()
    }

    @Test("what changed in the workspace is told when the session becomes silent and when it ends", arguments: TestIdentity.all)
    func files(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("old", "1\n")
        try place.write("same", "1\n")
        try place.write("sub/old", "1\n")
        try place.write("../outside/file", "1\n")
        #expect(try place.hostShell("git init -q").exitCode == 0)
        let script = """
            echo 2 > old; mkdir new; echo 2 > new/file; touch -d 2001-01-01 sub/old; git config a.b c; mkdir node_modules; echo 2 > node_modules/x
            ln -s ../outside link; echo 1; read x; echo 3 > old; rm same; echo 2; read x; echo 4 > last
            """
        let session = try HostedSession(place, command: ["sh", "-c", script])
        // The log is made beside the start of the command.
        #expect(try session.reaches("idle"))
        func files() throws -> [String] { try session.events().filter { $0.hasPrefix("file ") }.map { String($0.dropFirst(5)) }.sorted() }
        func line(_ path: String, _ change: String) -> String { #"{"path":"\#(path)","change":"\#(change)"}"# }
        var expected = [line("link", "created"), line("new/file", "created"), line("old", "changed"), line("sub/old", "changed")]
        #expect(try Deadline.poll(seconds: 30) { try files() == expected }, "\((try? files()) ?? [])")
        #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        expected = (expected + [line("old", "changed"), line("same", "removed")]).sorted()
        #expect(try Deadline.poll(seconds: 30) { try files() == expected }, "\((try? files()) ?? [])")
        try place.write("../outside/file", "2\n")
        #expect(try place.coop(["send", session.id, "x"]).exitCode == 0)
        #expect(try session.reaches("exited (0)"))
        expected = (expected + [line("last", "created")]).sorted()
        #expect(try files() == expected)
        #expect(try session.events().last?.hasPrefix("exited ") == true)
    }
}
