import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A terminal is the same terminal inside: size, modes, keys, job control.
@Suite struct TerminalTests {
    private static let screen = ChildProcess.Input.terminal(rows: 24, columns: 80)

    @Test("a terminal on input and output gives the command one of its own", arguments: TestIdentity.all)
    func given(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(
            ["run", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; : > /dev/tty && echo controlling"],
            input: Self.screen)
        #expect(
            outcome.output.hasPrefix("/dev/pts/") && outcome.output.contains("all") && outcome.output.contains("controlling"), "\(outcome)")
    }

    @Test("no terminal is given where there is none, or none is wanted", arguments: TestIdentity.all)
    func notGiven(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "tty; test -t 1 || echo plain; (: > /dev/tty) 2> /dev/null || echo none"
        #expect(try place.shell(script).output == "not a tty\nplain\nnone\n")
        // At a terminal, `--no-tty` reads its keys and relays its output, as a pipe would.
        let outcome = try place.coop(
            ["run", "--no-tty", "--", "sh", "-c", "test -t 1 || echo plain; (: > /dev/tty) 2> /dev/null || echo none"], input: Self.screen)
        #expect(outcome.output.contains("plain") && outcome.output.contains("none"), "\(outcome)")
    }

    @Test("-t gives a terminal to a command in a pipeline", arguments: TestIdentity.all)
    func forced(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(
            ["run", "-t", "--", "sh", "-c", "test -t 0 && test -t 1 && echo yes; read x; echo got $x"], input: .bytes(Array("word\n".utf8)))
        #expect(outcome.output.contains("yes") && outcome.output.contains("got word") && outcome.exitCode == 0, "\(outcome)")
    }

    @Test("the window's size and its changes arrive", arguments: TestIdentity.all)
    func window(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--", "bash", "-c", "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do read -t 1 x; done"],
            input: .terminal(rows: 31, columns: 97))
        #expect(try coop.waitForOutput("ready"))
        #expect(coop.outputText.contains("31 97"))
        coop_set_window(coop.terminal?.number ?? -1, 40, 120)
        let outcome = try coop.wait()
        #expect(outcome.output.contains("40 120") && outcome.exitCode == 0, "\(outcome)")
    }

    @Test("a command in raw mode gets every key, Ctrl-C, Ctrl-Z and Ctrl-\\ included", arguments: TestIdentity.all)
    func raw(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--", "sh", "-c", "stty raw -echo; echo ready; head -c 5 | od -An -tx1; stty sane"], input: Self.screen)
        #expect(try coop.waitForOutput("ready"))
        try coop.send("\u{3}\u{1A}\u{1C}\u{4}\r")
        let outcome = try coop.wait()
        #expect(outcome.output.contains("03 1a 1c 04 0d") && outcome.exitCode == 0, "\(outcome)")
    }

    @Test("Ctrl-Z stops the command for the outer shell, and fg goes on with it", arguments: TestIdentity.all)
    func jobControl(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startOutside(["bash", "--norc", "--noprofile", "-i"], input: Self.screen)
        try shell.send("PS1='prompt> '\n")
        try shell.send("\"$coop\" run -- sh -c 'echo rea\"\"dy; read x; echo got $x'; echo code=$?\n")
        #expect(try shell.waitForOutput("ready"), "\(shell.outputText)")
        try shell.send("\u{1A}")
        #expect(try shell.waitForOutput("Stopped"), "\(shell.outputText)")
        try shell.send("stty -a | grep -o '.icanon'; jobs\n")
        #expect(try shell.waitForOutput(" icanon"), "the shell has its own modes back")
        try shell.send("fg; echo fg code=$?\n")
        try shell.send("hello\n")
        // Keys that are typed before the prompt is back belong to the sandbox.
        let isBack: (ChildProcess) -> Bool = { shell in
            shell.outputText.range(of: "got hello").map { shell.outputText[$0.upperBound...].contains("prompt>") } ?? false
        }
        #expect(try shell.waitUntil(isBack), "\(shell.outputText)")
        try shell.send("echo en\"\"ded; exit\n")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("ended"), "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("an outer shell's bg and kill work on a sandbox", arguments: TestIdentity.all)
    func background(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startOutside(["bash", "--norc", "--noprofile", "-i"], input: Self.screen)
        try shell.send("\"$coop\" run -- sh -c 'echo rea\"\"dy; read x'\n")
        #expect(try shell.waitForOutput("ready"), "\(shell.outputText)")
        try shell.send("\u{1A}")
        #expect(try shell.waitForOutput("Stopped"), "\(shell.outputText)")
        try shell.send("kill %1; fg; echo code=$?\n")
        #expect(try shell.waitForOutput("code=143"), "\(shell.outputText)")
        try shell.send("exit\n")
        _ = try shell.wait()
        #expect(try place.remains() == [])
    }

    @Test("an interactive shell inside has its own job control", arguments: TestIdentity.all)
    func innerJobControl(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--", "bash", "--norc", "--noprofile", "-i"], input: Self.screen)
        try coop.send("echo rea\"\"dy\n")
        #expect(try coop.waitForOutput("ready"))
        try coop.send("sh -c 'read a; echo in $a; read b; echo then $b'\n")
        try coop.send("one\n")
        #expect(try coop.waitForOutput("in one"), "\(coop.outputText)")
        try coop.send("\u{1A}")
        #expect(try coop.waitForOutput("Stopped"), "\(coop.outputText)")
        try coop.send("fg\n")
        try coop.send("two\n")
        #expect(try coop.waitForOutput("then two"), "\(coop.outputText)")
        try coop.send("echo co\"\"de $?; exit 3\n")
        let outcome = try coop.wait()
        #expect(outcome.output.contains("code 0") && outcome.exitCode == 3, "\(outcome)")
        #expect(!outcome.output.contains("no job control"))
    }

    @Test(
        "the terminal's modes come back whatever ends the command", arguments: TestIdentity.all,
        [
            "true", "stty raw -echo", "stty raw -echo; kill -9 $$", "stty raw -echo; exit 3",
        ])
    func modesRestored(_ identity: TestIdentity, _ script: String) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.hostShell(
            "a=$(stty -g); \"$coop\" run -- sh -c '\(script)'; [ \"$a\" = \"$(stty -g)\" ] && echo same", input: Self.screen)
        #expect(outcome.output.contains("same"), "\(outcome)")
    }

    @Test("the terminal's modes come back when the warden is killed", arguments: TestIdentity.all)
    func modesAfterWarden(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startHostShell(
            "a=$(stty -g); \"$coop\" run -- sh -c 'stty raw -echo; echo ready; exec sleep 1000'; echo code $?; [ \"$a\" = \"$(stty -g)\" ] && echo same",
            input: Self.screen)
        #expect(try shell.waitForOutput("ready"))
        kill(try place.warden(), SIGKILL)
        let outcome = try shell.wait()
        #expect(outcome.output.contains("code 137") && outcome.output.contains("same"), "\(outcome)")
    }

    @Test("a sandbox in a pipeline leaves keys that it does not read to others", arguments: TestIdentity.all)
    func keysForOthers(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startHostShell("\"$coop\" run -- echo hi | cat; echo ready; read x; echo got $x", input: Self.screen)
        // Typed ahead, while the sandbox runs.
        try shell.send("word\n")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("hi") && outcome.output.contains("got word"), "\(outcome)")
    }

    @Test("a command with only its output redirected reads the terminal's lines", arguments: TestIdentity.all)
    func keysForCommand(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startHostShell("\"$coop\" run -- sh -c 'echo ready; read x; echo got $x' | cat", input: Self.screen)
        #expect(try shell.waitForOutput("ready"))
        try shell.send("word\n")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("got word"), "\(outcome)")
    }

    @Test("a pager at the end of a pipeline gets keys", arguments: TestIdentity.all)
    func pager(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        place.environment["TERM"] = "xterm"
        let shell = try place.startHostShell(
            "a=$(stty -g); seq 1000 | \"$coop\" run -- less; echo code $?; [ \"$a\" = \"$(stty -g)\" ] && echo same", input: Self.screen)
        #expect(try shell.waitForOutput("23"), "\(shell.outputText)")
        try shell.send(" ")
        #expect(try shell.waitForOutput("46"), "\(shell.outputText)")
        try shell.send("G")
        #expect(try shell.waitForOutput("1000"), "\(shell.outputText)")
        try shell.send("q")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("code 0") && outcome.output.contains("same"), "\(outcome)")
    }

    @Test("TERM, the locale and the time zone are kept", arguments: TestIdentity.all)
    func kept(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let values = ["TERM": "xterm-256color", "LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor", "TZ": "Asia/Tokyo"]
        let outcome = try place.run(["printenv", "TERM", "LANG", "LC_ALL", "COLORTERM", "TZ"], environment: values)
        #expect(outcome.output == "xterm-256color\nde_DE.UTF-8\nC.UTF-8\ntruecolor\nAsia/Tokyo\n", "\(outcome)")
    }

    @Test("a large screen arrives completely before the end", arguments: TestIdentity.all)
    func lastOutput(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(["run", "--", "sh", "-c", "seq 20000; echo the end"], input: Self.screen)
        #expect(outcome.output.contains("the end") && outcome.outputBytes.count { $0 == 10 } >= 20001, "\(outcome.outputBytes.count) bytes")
    }

    @Test("a terminal that takes nothing until the command has ended shows the rest then", arguments: [50_000, 400_000])
    func slow(_ lines: Int) throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        // Nobody reads what coop writes until the session is over.
        let coop = try place.start(
            ["run", "--network", "none", "--", "sh", "-c", "seq \(lines); echo the end; touch over"], input: Self.screen)
        #expect(try Deadline.poll(seconds: 120) { try place.exists("over") && place.coop(["ps", "-a"]).output.contains("exited") })
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("the end"), "\(outcome.exitCode) \(outcome.output.suffix(300))")
        // More than waits for a slow terminal is shown as what the screen is then.
        if lines == 50_000 { #expect(outcome.output.hasSuffix((1...lines).map { "\($0)\r\n" }.joined() + "the end\r\n")) }
    }
}
