import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Signals to coop are signals to the command, and a time limit ends it in order.
@Suite struct SignalTests {
    private static let signals: [(name: String, number: Int32)] = [
        ("TERM", SIGTERM), ("INT", SIGINT), ("HUP", SIGHUP), ("QUIT", SIGQUIT), ("USR1", SIGUSR1), ("USR2", SIGUSR2), ("ALRM", SIGALRM),
    ]

    @Test("a signal to coop reaches the command, whose answer is the exit code", arguments: TestIdentity.all, signals)
    func forwarded(_ identity: TestIdentity, _ signal: (name: String, number: Int32)) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start([
            "run", "--", "sh", "-c", "trap 'echo got-\(signal.name); exit 3' \(signal.name); echo ready; sleep 1000 & wait",
        ])
        #expect(try coop.waitForOutput("ready\n"))
        coop.signal(signal.number)
        let outcome = try coop.wait()
        #expect(outcome.output == "ready\ngot-\(signal.name)\n" && outcome.exitCode == 3, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("a signal that ends the command ends coop with 128 and the number", arguments: signals)
    func fatal(_ signal: (name: String, number: Int32)) throws {
        let place = try Sandboxed(TestIdentity.all[TestIdentity.all.count - 1])
        let coop = try place.start(["run", "--", "sh", "-c", "echo ready; exec sleep 1000"])
        #expect(try coop.waitForOutput("ready\n"))
        coop.signal(signal.number)
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 128 + signal.number, "\(outcome)")
        // A shell's loop stops at Ctrl-C only when the program has died of it.
        if signal.number == SIGINT { #expect(outcome.signal == SIGINT) }
    }

    @Test("a second signal reaches the command as well", arguments: TestIdentity.all)
    func second(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "n=0; trap 'n=$((n+1)); echo int $n; [ $n = 2 ] && exit 6' INT; echo ready; while :; do sleep 1000 & wait $!; done"
        let coop = try place.start(["run", "--", "sh", "-c", script])
        #expect(try coop.waitForOutput("ready\n"))
        coop.signal(SIGINT)
        #expect(try coop.waitForOutput("int 1\n"))
        coop.signal(SIGINT)
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 6 && outcome.output == "ready\nint 1\nint 2\n", "\(outcome)")
    }

    @Test("a signal reaches the command's children too, as a terminal's would", arguments: TestIdentity.all)
    func wholeGroup(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start([
            "run", "--", "sh", "-c", "trap : INT; sh -c 'trap \"echo child; exit 0\" INT; echo ready; sleep 1000 & wait'; exit 8",
        ])
        #expect(try coop.waitForOutput("ready\n"))
        coop.signal(SIGINT)
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 8 && outcome.output == "ready\nchild\n", "\(outcome)")
    }

    @Test("Ctrl-C at a terminal reaches the command first", arguments: TestIdentity.all)
    func controlC(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(
            ["run", "--", "sh", "-c", "trap 'echo trapped; exit 5' INT; echo ready; sleep 1000 & wait"],
            input: .terminal(rows: 24, columns: 80))
        #expect(try coop.waitForOutput("ready"))
        try coop.send("\u{3}")
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 5 && outcome.output.contains("trapped"), "\(outcome)")
    }

    @Test("Ctrl-C ends a command that does not expect it, Ctrl-\\ as well", arguments: [("\u{3}", SIGINT), ("\u{1C}", SIGQUIT)])
    func terminalKeys(_ key: String, _ number: Int32) throws {
        let place = try Sandboxed(TestIdentity.all[TestIdentity.all.count - 1])
        let coop = try place.start(["run", "--", "sh", "-c", "echo ready; exec sleep 1000"], input: .terminal(rows: 24, columns: 80))
        #expect(try coop.waitForOutput("ready"))
        try coop.send(key)
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 128 + number, "\(outcome)")
    }

    @Test("Ctrl-C with redirected output reaches the command", arguments: TestIdentity.all)
    func controlCInPipeline(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startHostShell(
            "trap : INT; \"$coop\" run -- sh -c 'trap \"echo trapped; exit 5\" INT; echo ready; sleep 1000 & wait' | cat; echo over",
            input: .terminal(rows: 24, columns: 80))
        #expect(try shell.waitForOutput("ready"))
        try shell.send("\u{3}")
        let outcome = try shell.wait()
        #expect(outcome.output.contains("over"), "\(outcome)")
        #expect(try place.remains() == [])
    }

    // MARK: - Time limits

    @Test("a time limit ends a command that ignores TERM, its tree and its stopped children, with 124", arguments: TestIdentity.all)
    func stubborn(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.shell(
            """
            trap 'echo no' TERM
            (trap '' TERM HUP INT; setsid sleep 1000 & sleep 1000) &
            sleep 1000 & kill -STOP $!
            echo up
            while :; do sleep 1000 & wait $!; done
            """, options: ["--timeout", "15s"])
        #expect(outcome.exitCode == 124 && outcome.output.hasPrefix("up\nno\n") && !outcome.timedOut, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("a command that heeds TERM says its last words and is not made to wait", arguments: TestIdentity.all)
    func lastWords(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // Another one, which does not heed it, is made to wait; it has begun before. On a busy machine the one may begin so much later that
        // the other has waited long enough; that does not happen three times.
        for attempt in 1...3 {
            let stubborn = try place.start([
                "run", "--timeout", "8s", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done",
            ])
            #expect(try stubborn.waitForOutput("up\n"))
            let script = "trap 'echo last words; exit 7' TERM; echo up; sleep 1000 & wait"
            let outcome = try place.shell(script, options: ["--timeout", "8s"])
            let waits = kill(stubborn.pid, 0) == 0 && Sandboxed.state(of: stubborn.pid) != "Z"
            #expect(try stubborn.wait().exitCode == 124)
            #expect(outcome.exitCode == 124 && outcome.output == "up\nlast words\n", "\(outcome)")
            if waits { return }
            #expect(attempt < 3, "it was made to wait as well")
        }
    }

    @Test("a time limit ends a stopped command", arguments: TestIdentity.all)
    func stoppedCommand(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--timeout", "1s", "--", "sh", "-c", "sleep 1000 & kill -STOP $!; wait"])
        #expect(try coop.wait().exitCode == 124)
        #expect(try place.remains() == [])
    }

    @Test("a command that ends in time keeps its code", arguments: TestIdentity.all)
    func inTime(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        #expect(try place.shell("exit 9", options: ["--timeout", "1m"]).exitCode == 9)
    }

    @Test("a time limit holds at a terminal and gives the terminal back", arguments: TestIdentity.all)
    func atTerminal(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let shell = try place.startHostShell(
            "a=$(stty -g); \"$coop\" run --timeout 1s -- sh -c 'stty raw; echo up; exec sleep 1000'; echo code $?; [ \"$a\" = \"$(stty -g)\" ] && echo same",
            input: .terminal(rows: 24, columns: 80))
        let outcome = try shell.wait()
        #expect(outcome.output.contains("code 124") && outcome.output.contains("same"), "\(outcome)")
    }

    @Test("a hang-up is ignored under nohup", arguments: TestIdentity.all)
    func nohup(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let nohup = try place.startOutside(
            ["nohup", try BuiltPrograms.coop(), "run", "--", "sh", "-c", "echo ready; read x; echo survived $x"], input: .pipe)
        #expect(try nohup.waitForOutput("ready\n"))
        nohup.signal(SIGHUP)
        try nohup.send("it\n")
        let outcome = try nohup.wait()
        #expect(outcome.exitCode == 0 && outcome.output == "ready\nsurvived it\n", "\(outcome)")
    }

    @Test("a stop of coop stops the command, and a continuation goes on", arguments: TestIdentity.all)
    func stopAndContinue(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--", "sh", "-c", "echo ready; read x; echo got $x"], input: .pipe)
        #expect(try coop.waitForOutput("ready\n"))
        coop.signal(SIGTSTP)
        #expect(Deadline.poll(seconds: 60) { Sandboxed.state(of: coop.pid) == "T" })
        coop.signal(SIGCONT)
        try coop.send("word\n")
        let outcome = try coop.wait()
        #expect(outcome.output == "ready\ngot word\n" && outcome.exitCode == 0, "\(outcome)")
    }
}
