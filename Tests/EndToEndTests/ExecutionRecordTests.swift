import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// What `coop exec` and `coop shell ID` leave in their session's log.
@Suite struct ExecutionRecordTests {
    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 80)

    /// The bytes of a further command. They are written beside it, and may come a moment after its end.
    private func raw(_ session: HostedSession, _ id: Int, until isComplete: (String) -> Bool) throws -> String {
        var output = ""
        try Deadline.poll(seconds: 30) {
            let outcome = try session.place.coop(["logs", "--raw", "--exec", "\(id)", session.id])
            output = outcome.output
            return outcome.exitCode == 0 && isComplete(output)
        }
        return output
    }

    @Test("what its terminal receives, under its number, and nothing of it on the session's own terminal", arguments: TestIdentity.all)
    func terminal(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["SHELL"] = "/bin/sh"
        let session = try HostedSession(place, command: ["sh", "-c", "echo the main one; sleep 1000"])
        #expect(try session.shows("the main one\r\n"))
        let first = try place.coop(["exec", session.id, "--", "sh", "-c", "echo one; seq 10; exit 3"], input: Self.screen)
        #expect(first.exitCode == 3 && first.output.hasPrefix("one\r\n1\r\n"), "\(first)")
        let shell = try place.start(["shell", session.id], input: Self.screen)
        try shell.send("echo $((40+2))\r")
        #expect(try shell.waitForOutput("42\r\n"))
        try shell.send("exit 5\r")
        #expect(try shell.wait().exitCode == 5)

        let number = "one\r\n" + (1...10).map { "\($0)\r\n" }.joined()
        #expect(try raw(session, 2) { $0 == number } == number)
        #expect(try raw(session, 3) { $0.contains("42\r\n") }.contains("42\r\n"))
        #expect(try session.terminal == "the main one\r\n")
        let attached = try place.start(["attach", session.id], input: Self.screen)
        #expect(try attached.waitForOutput("the main one"))
        try attached.send("\u{1}d")
        #expect(try !attached.wait().output.contains("42\r\n"))

        let logs = try place.coop(["logs", session.id]).output
        #expect(logs.contains("the main one\n") && logs.contains("[2] one\n[2] 1\n") && logs.contains("42\n"), "\(logs)")
        #expect(try place.coop(["logs", "--exec", "2", "-n", "2", session.id]).output == "9\n10\n")
        #expect(try place.coop(["logs", "--json", session.id]).output.contains(#""source":"exec","id":"2","text":"one"}"#))
        try session.stop()
        let watched = try place.coop(["watch", session.id]).output
        #expect(watched.contains("2 ended with 3\n                    one\n") && watched.contains("… 5 more lines\n"), "\(watched)")
        let events = try session.events().filter { $0.hasPrefix("exec") }
        #expect(events.first?.hasSuffix(#""rows":24,"columns":80}"#) ?? false, "\(events)")
        #expect(events.filter { $0.contains("\"2\"") }.last == #"exec_exited {"id":"2","code":3}"#, "\(events)")
        #expect(events.last == #"exec_exited {"id":"3","code":5}"#, "\(events)")
        #expect(try place.remains() == [])
    }

    @Test("streams of a pipeline are the command's own, and are not recorded; what coop copies is")
    func streams() throws {
        let place = try Sandboxed(anyone)
        let session = try HostedSession(place, command: ["sleep", "1000"])
        let coop = try BuiltPrograms.coop()
        // The command holds the very pipe and file.
        let script = """
            "\(coop)" exec \(session.id) -- readlink /proc/self/fd/1 | { read inside; echo "$inside $(readlink /proc/self/fd/0)"; }
            "\(coop)" exec \(session.id) -- sh -c 'echo in a file' > out; cat out
            """
        let piped = try place.outside(["/bin/bash", "-c", script])
        let lines = piped.output.split(separator: "\n")
        let ends = lines.first?.split(separator: " ") ?? []
        #expect(ends.count == 2 && ends.first == ends.last && ends[0].hasPrefix("pipe:") && lines.last == "in a file", "\(piped)")
        // 4: no terminal is wanted, so that coop copies to the one that is there.
        let copied = try place.coop(["exec", "--no-tty", session.id, "--", "sh", "-c", "echo to; echo errors >&2"], input: Self.screen)
        #expect(copied.exitCode == 0 && copied.output.contains("to"), "\(copied)")
        let recorded = try raw(session, 4) { $0.contains("to\n") && $0.contains("errors\n") }
        #expect(recorded.contains("to\n") && recorded.contains("errors\n"), "\(recorded)")
        // 5: standard error alone is a terminal.
        let half = "\"\(coop)\" exec \(session.id) -- sh -c 'echo hidden; echo seen >&2' | cat > half"
        #expect(try place.startOutside(["/bin/bash", "-c", half], input: Self.screen).wait().exitCode == 0)
        #expect(try place.text("half") == "hidden\n")
        #expect(try raw(session, 5) { $0.hasPrefix("seen") }.hasPrefix("seen"))
        let all = try place.hostShell("cat \(try session.directory)/exec")
        #expect(!all.output.contains("pipe:") && !all.output.contains("in a file") && !all.output.contains("hidden"), "\(all)")
        try session.stop()
        #expect(try place.remains() == [])
    }

    @Test("what is typed for a password is not in the log", arguments: TestIdentity.ordinary)
    func passwords(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let session = try HostedSession(place, command: ["sleep", "1000"])
        let exec = try place.start(
            ["exec", session.id, "--", "bash", "-c", "read -p 'name: ' n; read -sp 'password: ' p; echo; echo \"${#p} letters\""],
            input: Self.screen)
        #expect(try exec.waitForOutput("name: "))
        try exec.send("somebody\r")
        #expect(try exec.waitForOutput("password: "))
        try exec.send("hunter2hunter2\r")
        #expect(try exec.wait().output.contains("14 letters"))
        #expect(try raw(session, 2) { $0.contains("somebody") }.contains("somebody"))
        let found = try place.hostShell("grep -rlaF hunter2 \"$COOP_HOME\"")
        #expect(found.output.isEmpty, "\(found)")
        try session.stop()
    }

    @Test("a client that is killed takes its command along, and its end is in the log with what was shown before")
    func killedClient() throws {
        let place = try Sandboxed(anyone)
        let session = try HostedSession(place, command: ["sleep", "1000"])
        let exec = try place.start(["exec", session.id, "--", "sh", "-c", "echo shown; sleep 1000"], input: Self.screen)
        #expect(try exec.waitForOutput("shown"))
        kill(exec.pid, SIGKILL)
        _ = try exec.wait()
        #expect(try Deadline.poll(seconds: 30) { try session.events().contains { $0.hasPrefix("exec_exited ") } })
        #expect(try raw(session, 2) { $0 == "shown\r\n" } == "shown\r\n")
        // The session's own end does not wait for a client that is stopped.
        let stopped = try place.start(["exec", session.id, "--", "sh", "-c", "echo shown too; sleep 1000"], input: Self.screen)
        #expect(try stopped.waitForOutput("shown too"))
        kill(stopped.pid, SIGSTOP)
        try session.stop()
        #expect(try session.reaches("exited"))
        #expect(try raw(session, 3) { $0 == "shown too\r\n" } == "shown too\r\n")
        kill(stopped.pid, SIGCONT)
        #expect(try !stopped.wait().timedOut)
        #expect(try place.remains() == [])
    }

    @Test("twenty megabytes are recorded whole, and shown whole")
    func large() throws {
        let place = try Sandboxed(anyone)
        let session = try HostedSession(place, command: ["sleep", "1000"])
        let exec = try place.coop(
            ["exec", session.id, "--", "sh", "-c", "yes 0123456789abcdef | head -c 20000000"], input: Self.screen, timeout: 300)
        // Each line end becomes two bytes.
        let size = 20_000_000 + 20_000_000 / 17
        #expect(exec.exitCode == 0 && exec.outputBytes.count == size, "\(exec.outputBytes.count)")
        #expect(try Deadline.poll(seconds: 60) { try FileSystem.status(session.directory + "/exec")?.st_size == size })
        try session.stop()
    }

    @Test("commands in a sandbox that is kept for them are recorded too")
    func kept() throws {
        let place = try Sandboxed(anyone)
        let started = try place.coop(["run", "--keep", "--network", "none", "--", "true"])
        let id = try #require(try place.sandboxIDs().first, "\(started)")
        let exec = try place.coop(["exec", id, "--", "echo", "words"], input: Self.screen)
        #expect(exec.exitCode == 0, "\(exec)")
        #expect(try Deadline.poll(seconds: 30) { try place.coop(["logs", id]).output.hasSuffix("] words\n") })
        #expect(try place.coop(["stop", id]).exitCode == 0)
        #expect(try place.remains() == [])
    }
}
