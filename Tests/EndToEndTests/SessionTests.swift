import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Kept sandboxes: further commands in them, their names, and their end.
@Suite struct SessionTests {
    /// A kept sandbox whose first command has ended.
    private func keep(_ place: Sandboxed, _ name: String) throws -> String {
        let outcome = try place.coop(["run", "--keep", "--name", name, "--", "sh", "-c", "echo from the first > /tmp/shared"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        let listing = try place.coop(["ps", "--json"])
        for id in try place.sandboxIDs() {
            let record = String(osBytes: try FileSystem.read("\(place.coopHome)/run/\(id)/session.json"))
            if record.contains("\"name\":\"\(name)\"") {
                #expect(listing.output.contains(id))
                return id
            }
        }
        throw TestSupportError("no sandbox \(name): \(listing)")
    }

    @Test("a kept sandbox runs further commands in the same place until it is stopped", arguments: TestIdentity.all)
    func lifecycle(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let id = try keep(place, "first")
        for name in ["first", id, String(id.prefix(4)), String(id.prefix(9))] {
            let outcome = try place.coop(["exec", name, "--", "cat", "/tmp/shared"])
            #expect(outcome.exitCode == 0 && outcome.output == "from the first\n" && outcome.error == "", "\(name): \(outcome)")
        }
        let listing = try place.coop(["ps"])
        #expect(listing.output.contains(id) && listing.output.contains("first") && listing.error == "", "\(listing)")
        let stopped = try place.coop(["stop", "first"])
        #expect(stopped.exitCode == 0 && stopped.output == "\(id)\n", "\(stopped)")
        #expect(try place.remains() == [])
        let gone = try place.coop(["exec", "first", "--", "true"])
        #expect(
            gone.exitCode == 125 && gone.error.contains("there is no running sandbox `first`: the session \(id) is over\nNext: coop ps -a"),
            "\(gone)")
    }

    @Test("exec passes streams, codes and words on like run", arguments: TestIdentity.all)
    func exec(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        _ = try keep(place, "box")
        let outcome = try place.hostShell(
            #"""
            printf 'a\0b\377' | "$coop" exec box cat | od -An -c
            "$coop" exec box -- sh -c 'echo out; echo err >&2; exit 42'; echo $?
            "$coop" exec box sh -c 'echo "$@"' x -m -t --json --; echo $?
            "$coop" exec box nowhere 2> /dev/null; echo $?
            "$coop" exec box -- sh -c 'kill -9 $$'; echo $?
            "$coop" exec box pwd
            head -c 3000000 /dev/urandom > data; "$coop" exec box cat < data | cmp - data; echo $?
            { "$coop" exec box yes; echo $? >&2; } | head -n 1
            """#)
        #expect(
            outcome.output == "   a  \\0   b 377\nout\n42\n-m -t --json --\n0\n127\n137\n\(place.project)\n0\ny\n"
                && outcome.error == "err\n141\n",
            "\(outcome)")
        _ = try place.coop(["stop", "--all"])
        #expect(try place.remains() == [])
    }

    @Test("the sandbox lives on when the client of one command is killed, and the command does not", arguments: TestIdentity.all)
    func killedClient(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        _ = try keep(place, "box")
        let client = try place.start(["exec", "box", "--", "sh", "-c", "echo ready; exec sleep 1000"], input: .pipe)
        #expect(try client.waitForOutput("ready"))
        kill(client.pid, SIGKILL)
        _ = try client.wait()
        #expect(
            try Deadline.poll(seconds: 30) {
                try !place.processes().contains { $0.hasSuffix("sleep 1000 ") }
            })
        #expect(try place.coop(["exec", "box", "--", "echo", "alive"]).output == "alive\n")
        _ = try place.coop(["stop", "box"])
        #expect(try place.remains() == [])
    }

    @Test("several commands run in one sandbox at the same time", arguments: TestIdentity.all)
    func parallel(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        _ = try keep(place, "box")
        let clients = try (0..<8).map {
            try place.start(["exec", "box", "--", "sh", "-c", "read x; echo \($0) $x; exit \($0)"], input: .pipe)
        }
        for client in clients.reversed() { try client.send("go\n") }
        for (number, client) in clients.enumerated() {
            let outcome = try client.wait()
            #expect(outcome.exitCode == Int32(number) && outcome.output == "\(number) go\n", "\(outcome)")
        }
        _ = try place.coop(["stop", "box"])
        #expect(try place.remains() == [])
    }

    @Test("exec and shell have a terminal with job control", arguments: TestIdentity.all)
    func terminal(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let id = try keep(place, "box")
        let exec = try place.start(
            ["exec", "box", "--", "sh", "-c", "tty; stty size; trap 'echo trapped; exit 5' INT; echo ready; sleep 1000 & wait"],
            input: .terminal(rows: 30, columns: 90))
        #expect(try exec.waitForOutput("ready"), "\(exec.outputText)")
        try exec.send("\u{3}")
        let outcome = try exec.wait()
        #expect(outcome.output.contains("30 90") && outcome.output.contains("trapped") && outcome.exitCode == 5, "\(outcome)")

        let shell = try place.start(["shell", String(id.prefix(5))], input: .terminal(rows: 30, columns: 90))
        try shell.send("cat /tmp/shared; echo $((6*7)); exit 3\n")
        let ended = try shell.wait()
        #expect(ended.output.contains("from the first") && ended.output.contains("42") && ended.exitCode == 3, "\(ended)")
        _ = try place.coop(["stop", "--all"])
        #expect(try place.remains() == [])
    }

    @Test("a shell starts in a fresh sandbox", arguments: TestIdentity.all)
    func freshShell(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.start(["shell"], environment: ["SHELL": "/bin/bash"], input: .terminal(rows: 24, columns: 80))
        try shell.send("echo $((40+2)) $0; pwd; exit 9\n")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("42 ") && outcome.output.contains("bash") && outcome.exitCode == 9, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("names are unique, and wrong ones are refused before anything starts", arguments: TestIdentity.all)
    func names(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let id = try keep(place, "box")
        let again = try place.coop(["run", "--name", "box", "--", "true"])
        #expect(again.exitCode == 125 && again.error.contains("another one has that name"), "\(again)")
        for name in ["", "a/b", "..", "a\nb", "-x", "a b", String(repeating: "n", count: 300)] {
            let outcome = try place.coop(["run", "--name=\(name)", "--", "true"])
            #expect(outcome.exitCode == 125 && outcome.error.contains("Next: "), "\(name): \(outcome)")
        }
        let short = try place.coop(["exec", String(id.prefix(3)), "--", "true"])
        #expect(short.exitCode == 125 && short.error.contains("four characters"), "\(short)")
        #expect(try place.sandboxIDs() == [id])
        _ = try place.coop(["stop", "--all"])
    }

    @Test("the beginning of an id that fits several is refused with the list", arguments: TestIdentity.all)
    func ambiguous(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let id = try keep(place, "box")
        // A second one with the same beginning, as chance would have it once in a million.
        let twin = String(id.prefix(6)) + "zzzzzz"
        let made = try place.outside([
            "sh", "-c",
            "cp -a \"$COOP_HOME/run/\(id)\" \"$COOP_HOME/run/\(twin)\"; sed -i 's/\(id)/\(twin)/; s/\"box\"/\"twin\"/' \"$COOP_HOME/run/\(twin)/session.json\"",
        ])
        // Its lock is held, as that of a living one.
        let lock = try Descriptor.open("\(place.coopHome)/run/\(twin)/lock", O_RDWR)
        flock(lock.number, LOCK_EX)
        let outcome = try place.coop(["exec", String(id.prefix(5)), "--", "true"])
        #expect(
            outcome.exitCode == 125 && outcome.error.contains("is not unique") && outcome.error.contains("\(id) (box)")
                && outcome.error.contains("\(twin) (twin)"), "\(made)\(outcome)")
        #expect(try place.coop(["exec", id, "--", "echo", "exact"]).output == "exact\n")
        flock(lock.number, LOCK_UN)
        _ = try place.coop(["stop", "box"])
        _ = try place.coop(["ps"])
        #expect(try place.remains() == [])
    }

    @Test("stop --all ends every sandbox, stubborn ones included", arguments: TestIdentity.all)
    func stopAll(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        _ = try keep(place, "one")
        _ = try keep(place, "two")
        let run = try place.start(["run", "--", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"], input: .pipe)
        #expect(try run.waitForOutput("ready"))
        let outcome = try place.coop(["stop", "--all"])
        #expect(outcome.exitCode == 0 && outcome.output.split(separator: "\n").count == 3, "\(outcome)")
        let ended = try run.wait(timeout: 60)
        #expect(ended.exitCode == 137 || ended.exitCode == 143, "\(ended)")
        #expect(try place.remains() == [])
        let listing = try place.coop(["ps", "--json"])
        #expect(
            listing.output.contains("\"version\": 1") && listing.output.replacing(" ", with: "").contains("\"sandboxes\":["), "\(listing)")
    }

    @Test("a sandbox that runs in the foreground can be joined and stopped, too", arguments: TestIdentity.all)
    func foreground(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let run = try place.start(
            [
                "run", "--name", "front", "--", "sh", "-c",
                "trap 'echo bye; exit 4' TERM; echo hello > /tmp/x; echo ready; sleep 1000 & wait",
            ], input: .pipe)
        #expect(try run.waitForOutput("ready"))
        #expect(try place.coop(["exec", "front", "--", "cat", "/tmp/x"]).output == "hello\n")
        #expect(try place.coop(["stop", "front"]).exitCode == 0)
        let outcome = try run.wait()
        #expect(outcome.exitCode == 4 && outcome.output == "ready\nbye\n", "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("the control socket refuses every other user, root included", .enabled(if: getuid() == 0 && TestIdentity.all.count > 1))
    func otherUsers() throws {
        let place = try Sandboxed(TestIdentity.ordinary[0])
        let id = try keep(place, "box")
        let socket = "\(place.coopHome)/run/\(id)/control"
        // As wrong as its directories can be made by hand.
        let directories = [place.coopHome, place.coopHome + "/run", "\(place.coopHome)/run/\(id)"]
        for path in directories + [socket] { chmod(path, 0o777) }
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(60)
            try:
                # How the network stands: a question that is answered.
                s.sendall(b'\\x03\\x00\\x00\\x00\\x06\\x00\\x00')
                print('answer', len(s.recv(100)) > 0)
            except (BrokenPipeError, ConnectionResetError): print('answer', False)
            """
        for other in TestIdentity.all {
            let outcome = try ChildProcess.run(other.arguments(["/usr/bin/python3", "-c", script, socket]))
            #expect(outcome.output == (other == place.identity ? "answer True\n" : "answer False\n"), "\(other): \(outcome)")
        }
        // Coop itself would not work with a home like that.
        for path in directories { chmod(path, 0o700) }
        #expect(try place.coop(["exec", "box", "--", "echo", "alive"]).output == "alive\n")
        _ = try place.coop(["stop", "--all"])
        #expect(try place.remains() == [])
    }

    @Test("a client that does not speak the protocol is dropped, and the sandbox lives on", arguments: TestIdentity.all)
    func nonsense(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let id = try keep(place, "box")
        let script = """
            import socket, sys, os
            for data in [b'', b'\\xff' * 64, os.urandom(4096), b'\\x00\\x00\\x00\\x00', b'\\x05\\x00\\x00\\x00\\x01']:
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(data); s.close()
            """
        let outcome = try place.outside(["python3", "-c", script, "\(place.coopHome)/run/\(id)/control"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.coop(["exec", "box", "--", "echo", "alive"]).output == "alive\n")
        _ = try place.coop(["stop", "box"])
        #expect(try place.remains() == [])
    }

    @Test("commits of a kept sandbox arrive when it is stopped", arguments: TestIdentity.all)
    func commits(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        _ = try keep(place, "box")
        let outcome = try place.coop(["exec", "box", "--", "git", "commit", "-q", "--allow-empty", "-m", "by exec"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.coop(["stop", "box"]).exitCode == 0)
        #expect(try place.git("log", "--format=%s", "-1") == "by exec")
        #expect(try place.remains() == [])
    }
}
