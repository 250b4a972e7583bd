import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Sessions that outlive the terminal they were started from.
@Suite struct HostedSessionTests {
    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 80)

    @Test("a command in the background has a terminal, takes what is sent, and its end is known", arguments: TestIdentity.all)
    func background(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let session = try HostedSession(
            place, ["--name", "one", "--label", "a remark"], command: ["sh", "-c", "tty; stty size; read x; echo \"got $x\"; exit 7"])
        #expect(try session.reaches("idle"))
        #expect(try Deadline.poll(seconds: 60) { try place.coop(["ps"]).output.contains("one   idle") })
        #expect(try session.field("label") == "a remark")
        let sent = try place.coop(["send", "one", "good", "morning"])
        #expect(sent.exitCode == 0 && sent.output.isEmpty, "\(sent)")
        #expect(try session.reaches("exited (7)"))
        let terminal = try session.terminal
        #expect(terminal.contains("/dev/pts/0") && terminal.contains("24 80") && terminal.contains("got good morning"), "\(terminal)")
        let events = try session.events()
        #expect(events.first?.hasPrefix("started ") ?? false && events.last == "exited {\"code\":7}", "\(events)")
        #expect(events.contains { $0.hasPrefix("input ") && $0.contains("good morning") && $0.contains("send") })
        #expect(try place.remains() == [])
        #expect(!(try place.coop(["ps"]).output.contains(session.id)))
        #expect(try place.coop(["ps", "-a"]).output.contains(session.id))
    }

    @Test("a command that cannot start gives no session but an error", arguments: TestIdentity.ordinary)
    func notFound(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(["run", "-d", "--network", "none", "--", "no-such-program"])
        #expect(outcome.exitCode == 127 && outcome.output.isEmpty && outcome.error.contains("cannot run no-such-program"), "\(outcome)")
        // Why is said before the prompt comes back, and what is missing is no program of the sandbox.
        let mount = try place.hostShell(#""$coop" run -d -m /no-such-place -- true 2> error; echo "$?" && cat error"#)
        #expect(mount.output.hasPrefix("125\ncoop: cannot mount /no-such-place: "), "\(mount)")
        #expect(try place.remains() == [])
    }

    @Test("Ctrl-A D leaves a running command, and attach comes back to the same screen", arguments: TestIdentity.all)
    func detach(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--network", "none", "--name", "box", "--", "sh", "-c", "echo first words; read x; echo \"then $x\"; exit 5"],
            input: Self.screen)
        #expect(try coop.waitForOutput("first words"))
        try coop.send("\u{1}d")
        let left = try coop.wait()
        #expect(left.exitCode == 0 && left.output.contains("[detached; coop attach "), "\(left)")
        #expect(try place.coop(["ps"]).output.contains("box"))

        let again = try place.start(["attach", "box"], input: Self.screen)
        #expect(try again.waitForOutput("first words"), "\(again.outputText)")
        try again.send("\u{1}\u{1}")
        // Ctrl-U takes the line back.
        try again.send("\u{15}more\r")
        let end = try again.wait()
        #expect(end.exitCode == 0 && end.output.contains("then more") && end.output.contains("[exited with code 5]"), "\(end)")
        #expect(try place.remains() == [])
    }

    @Test("a terminal that is gone leaves the session, and its exit code comes through when it is not", arguments: TestIdentity.all)
    func hangUp(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--network", "none", "--name", "box", "--", "sh", "-c", "echo ready; read x; exit 9"], input: Self.screen)
        #expect(try coop.waitForOutput("ready"))
        coop.hangUp()
        _ = try coop.wait()
        let id = try #require(try place.sandboxIDs().first)
        #expect(try HostedSession(place, id: id).reaches("idle"))
        let again = try place.start(["attach", "box"], input: Self.screen)
        #expect(try again.waitForOutput("ready"))
        try again.send("x\r")
        #expect(try again.wait().output.contains("[exited with code 9]"))
        let direct = try place.coop(["run", "--network", "none", "--", "sh", "-c", "exit 9"], input: Self.screen)
        #expect(direct.exitCode == 9, "\(direct)")
        #expect(try place.remains() == [])
    }

    @Test("the terminal is as large as the smallest window of those who can type")
    func sizes() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let session = try HostedSession(place, command: ["bash", "-c", "trap 'stty size' WINCH; stty size; while :; do read -t 1 x; done"])
        let large = try place.start(["attach", session.id], input: .terminal(rows: 50, columns: 150))
        #expect(try large.waitForOutput("50 150"), "\(large.outputText)")
        let small = try place.start(["attach", session.id], input: .terminal(rows: 20, columns: 70))
        #expect(try large.waitForOutput("20 70"), "\(large.outputText)")
        let looker = try place.start(["attach", "--read-only", session.id], input: .terminal(rows: 10, columns: 40))
        #expect(try looker.waitForOutput("20 70"), "\(looker.outputText)")
        try looker.send("touched\r\u{1}d")
        #expect(try looker.wait().exitCode == 0)
        try small.send("\u{1}d")
        #expect(try small.wait().exitCode == 0)
        #expect(try large.waitUntil(timeout: 30) { $0.outputText.ranges(of: "50 150").count >= 2 }, "\(large.outputText)")
        let terminal = try session.terminal
        #expect(!terminal.contains("touched") && !terminal.contains("10 40"))
        #expect(try place.coop(["detach", session.id]).exitCode == 0)
        #expect(try large.wait().output.contains("[detached"))
        try session.stop()
        #expect(try place.remains() == [])
    }

    @Test("who only looks on types nothing, whatever its client sends", arguments: TestIdentity.ordinary)
    func readOnly(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let session = try HostedSession(place, command: ["sh", "-c", "while read x; do echo \"got $x\"; done"])
        // A client that keeps to the protocol, but not to what it has said of itself: attach (10) of 24 by 80, reading only or not.
        let script = """
            import array, socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
            s.sendall(b'\\x07\\x00\\x00\\x00\\x0a\\x00\\x18\\x00\\x50\\x00' + (b'\\x01' if sys.argv[2] == 'looks' else b'\\x00'))
            data, handed = b'', array.array('i')
            while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], 'little'):
                more, notes, _, _ = s.recvmsg(4096, 1024)
                data += more
                for _, _, bytes in notes: handed.frombytes(bytes)
            terminal = socket.socket(fileno=handed[0])
            terminal.sendall(sys.argv[2].encode() + b'\\r')
            while b'got ' + sys.argv[3].encode() not in data: data += terminal.recv(4096)
            """
        let socket = "\(place.coopHome)/run/\(session.id)/control"
        let looker = try place.startOutside(["/usr/bin/python3", "-c", script, socket, "looks", "types"])
        #expect(try Deadline.poll(seconds: 30) { try session.events().contains { $0.hasPrefix("attached ") } })
        let typer = try place.startOutside(["/usr/bin/python3", "-c", script, socket, "types", "types"])
        #expect(try typer.wait().exitCode == 0)
        #expect(try looker.wait().exitCode == 0)
        #expect(try session.shows("types\r\ngot types\r\n"))
        try session.stop()
    }

    @Test("programs' questions to their terminal are answered, whether somebody looks or not")
    func answers() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let script =
            "stty raw -echo; printf 'abc\\033[6n'; head -c 6 | od -An -tx1; printf '\\033[c'; head -c 3 | od -An -tx1; stty sane; echo; echo done"
        let session = try HostedSession(place, command: ["sh", "-c", script])
        #expect(try session.reaches("exited (0)"))
        // ESC [ 1 ; 4 R, and the beginning of a device's attributes.
        #expect(try session.terminal.contains("1b 5b 31 3b 34 52"))
        #expect(try session.terminal.contains("1b 5b 3f"))
    }

    @Test("what a program sends to a terminal beside text does not reach the person's")
    func filtered() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let coop = try place.start(
            [
                "run", "--network", "none", "--", "printf",
                #"a\033]0;title\007b\033]52;c;aGk=\007c\033P+q544e\033\\d\033]8;;http://x\033\\e\033[6n\033[cf\n"#,
            ], input: Self.screen)
        let outcome = try coop.wait()
        #expect(outcome.output.contains("abcdef"), "\(outcome)")
        #expect(!outcome.output.contains("\u{1B}"), "\(outcome)")
    }

    @Test(
        "Enter comes once a program has taken the text, however late it reads, and whether it shows it", arguments: TestIdentity.ordinary,
        [true, false])
    func enterAfterText(_ identity: TestIdentity, _ shows: Bool) throws {
        let place = try Sandboxed(identity)
        // Programs for terminals take an Enter within 120 ms or so of a text for a part of a paste.
        try place.write(
            "reads.py",
            """
            import os, select, sys, time, tty
            tty.setraw(0)
            print("ready ", end="", flush=True)
            select.select([0], [], [])
            time.sleep(1)
            text = os.read(0, 4096)
            taken = time.monotonic()
            if sys.argv[1] == "true": print("shown ", end="", flush=True)
            key = os.read(0, 4096)
            print(text, key, time.monotonic() - taken > 0.12, end="", flush=True)
            """)
        let session = try HostedSession(place, command: ["python3", "reads.py", "\(shows)"])
        #expect(try session.shows("ready "))
        // By one command, and by two.
        for keys in shows ? [["run the tests"]] : [["--no-enter", "run the tests"], ["--key", "enter"]] {
            #expect(try place.coop(["send", session.id] + keys).exitCode == 0)
        }
        #expect(try session.reaches("exited (0)"))
        #expect(try session.shows(#"ready \#(shows ? "shown " : "")b'run the tests' b'\r' True"#))
    }

    @Test("a bell while nothing follows needs attention, and so does a notification")
    func attention() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let session = try HostedSession(
            place, command: ["sh", "-c", #"printf 'ask \007'; read x; printf '\033]9;look here\007'; read x; echo bye"#])
        #expect(try session.reaches("attention"))
        #expect(try session.field("reason") == "bell")
        _ = try place.coop(["send", session.id, "x"])
        #expect(try Deadline.poll(seconds: 30) { try session.field("reason") == "look here" })
        _ = try place.coop(["send", "--when-idle", session.id, "x"])
        #expect(try session.reaches("exited (0)"))
        #expect(try session.events().contains { $0.hasPrefix("attention ") && $0.contains("look here") })
    }

    @Test("what is typed while a program reads a password is recorded nowhere", arguments: TestIdentity.ordinary)
    func passwords(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--network", "none", "--", "bash", "-c", "read -p 'name: ' n; read -sp 'password: ' p; echo; echo \"${#p} letters\""],
            input: Self.screen)
        #expect(try coop.waitForOutput("name: "))
        try coop.send("somebody\r")
        #expect(try coop.waitForOutput("password: "))
        try coop.send("hunter2hunter2\r")
        #expect(try coop.wait().output.contains("14 letters"))
        let found = try place.hostShell("grep -rlF somebody \"$COOP_HOME\"/projects/*/sessions; echo --; grep -rlF hunter2 \"$COOP_HOME\"")
        #expect(found.output.contains("/events.db") && found.output.hasSuffix("--\n"), "\(found)")
    }

    @Test("kill -9 of the supervisor: the session is labelled, its log is whole, nothing is left", arguments: TestIdentity.all)
    func killed(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let session = try HostedSession(place, command: ["sh", "-c", "echo words; sleep 1000"])
        #expect(try session.shows("words\r\n"))
        let supervisor = try #require(try session.field("supervisor")?.split(separator: " ").last.flatMap { pid_t($0) })
        kill(supervisor, SIGKILL)
        #expect(try session.reaches("failed"))
        #expect(try session.field("reason") == "its supervisor was killed")
        #expect(try session.events().last == "orphaned {}")
        #expect(try session.terminal == "words\r\n")
        #expect(try place.remains() == [])
    }

    @Test("restart starts the same again; rm and prune forget what is over, and nothing else")
    func housekeeping() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let first = try HostedSession(place, ["-e", "WORD=again"], command: ["sh", "-c", "echo $WORD; sleep 1000"])
        #expect(try first.reaches("idle"))
        let refused = try place.coop(["rm", first.id])
        #expect(refused.exitCode == 4 && refused.error.contains("it is running"), "\(refused)")
        let restarted = try place.coop(["restart", first.id])
        #expect(restarted.exitCode == 0, "\(restarted)")
        let second = HostedSession(place, id: String(restarted.output.dropLast()))
        #expect(second.id != first.id)
        #expect(try second.shows("again\r\n"))
        #expect(try first.reaches("exited"))
        let third = try HostedSession(place, command: ["true"])
        #expect(try third.reaches("exited (0)"))
        // It is known to have ended before everything is cleared away.
        #expect(try Deadline.poll(seconds: 60) { try place.coop(["rm", third.id]).output == third.id + "\n" })
        #expect(try place.coop(["prune"]).output.isEmpty)
        #expect(try place.coop(["prune", "--older-than", "0s", "--dry-run"]).output == first.id + "\n")
        #expect(try place.coop(["prune", "--older-than", "0s"]).output == first.id + "\n")
        #expect(!(try place.coop(["ps", "-a"]).output.contains(first.id)))
        try second.stop()
        #expect(try place.remains() == [])
    }

    @Test("a session whose record is damaged is named, and can be removed")
    func damaged() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let session = try HostedSession(place, command: ["true"])
        #expect(try session.reaches("exited (0)"))
        #expect(try place.remains() == [])
        try FileSystem.replace(try session.directory + "/summary", with: "nonsense\n".utf8)
        let listed = try place.coop(["ps", "-a", "--json"])
        #expect(listed.output.contains(session.id) && listed.output.contains("cannot be read"), "\(listed)")
        #expect(try place.coop(["logs", session.id]).exitCode == 0)
        #expect(try place.coop(["rm", session.id]).output == session.id + "\n")
    }

    @Test("further commands are recorded, and an agent's stream becomes events")
    func recorded() throws {
        let place = try Sandboxed(TestIdentity.all[0])
        let session = try HostedSession(place, command: ["sleep", "1000"])
        #expect(try place.coop(["exec", session.id, "--", "sh", "-c", "exit 3"]).exitCode == 3)
        var events: [String] = []
        try Deadline.poll(seconds: 60) {
            events = try session.events()
            return events.contains { $0.hasPrefix("exec_exited ") && $0.contains("\"code\":3") }
        }
        #expect(events.contains { $0.hasPrefix("exec ") && $0.contains("exit 3") }, "\(events)")
        #expect(events.contains { $0.hasPrefix("exec_exited ") && $0.contains("\"code\":3") }, "\(events)")
        try session.stop()

        let program = """
            #!/bin/sh
            echo '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"I look"}]}}'
            echo '{"type":"result","subtype":"success","is_error":false,"usage":{"input_tokens":1200,"output_tokens":34},"total_cost_usd":0.25}'
            """
        try place.write("../home/.local/bin/claude", program, mode: 0o755)
        place.environment["PATH"] = place.home + "/.local/bin:" + Sandboxed.path
        let outcome = try place.coop(["run", "-d", "--network", "none", "claude", "--prompt", "look"])
        #expect(outcome.exitCode == 2 || outcome.exitCode == 0, "\(outcome)")
        let headless = try place.coop(["run", "-d", "--network", "none", "--prompt", "look", "claude"])
        #expect(headless.exitCode == 0, "\(headless)")
        let agent = HostedSession(place, id: String(headless.output.dropLast()))
        #expect(try agent.reaches("exited (0)"))
        let told = try agent.events()
        #expect(told.contains { $0.hasPrefix("message ") && $0.contains("I look") }, "\(told)")
        #expect(try agent.field("tokens") == "1200 in, 34 out")
        #expect(try agent.field("cost") == "$0.25")
    }
}
