import LinuxKernel
import TestSupport
import Testing

@Suite struct TerminalTests {
    @Test("nothing can be typed into a terminal", arguments: TestIdentity.all)
    func typing(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for attack in ["type_into_terminal", "type_high_bits", "console_paste"] {
            let outcome = try place.start(["run", "--", try place.armed(), attack], input: .terminal(rows: 24, columns: 80)).wait()
            #expect(outcome.output.contains("REFUSED"), "\(outcome)")
        }
        let control = try place.start(
            ["run", "--", try place.armed(), "type_into_terminal"], environment: ["COOP_TEST_OMIT": "seccomp"],
            input: .terminal(rows: 24, columns: 80)
        ).wait()
        let isOld = try FileSystem.kind("/proc/sys/dev/tty/legacy_tiocsti") == nil || FileSystem.read("/proc/sys/dev/tty/legacy_tiocsti").first == 0x31
        if isOld { #expect(control.output.contains("WORKED"), "\(control)") }
    }

    @Test("the user's terminal, passed as input of a pipeline, cannot be typed into", arguments: TestIdentity.all)
    func pipeline(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "\(try BuiltPrograms.coop()) run -- \(try place.armed()) type_into_terminal 0 | cat"
        let child = try ChildProcess(
            identity.arguments(["/bin/sh", "-c", script]), environment: place.environment, directory: place.project,
            input: .terminal(rows: 24, columns: 80))
        let outcome = try child.wait()
        #expect(outcome.output.contains("REFUSED"), "\(outcome)")
    }

    @Test("names cannot steer the terminal through coop's messages", arguments: TestIdentity.all)
    func names(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let hostile = "\u{1B}]0;owned\u{07}\u{1B}[2J\r\nforged: line\u{9B}31m\u{202E}"
        let lines = [
            ["run", "--name", hostile, "--", "/bin/true"], ["run", "--", hostile], ["run", "-m", "/nowhere/" + hostile, "--", "/bin/true"],
            ["run", "--workdir", "/" + hostile, "--", "/bin/true"], ["run", "--seccomp", hostile, "--", "/bin/true"], ["exec", hostile, "true"],
            ["stop", hostile], ["run", "--memory", hostile, "--", "/bin/true"], ["run", "-e", hostile, "--", "/bin/true"],
            ["run", "--env-file", hostile, "--", "/bin/true"], ["run", "--degraded=" + hostile, "--", "/bin/true"], ["why", hostile],
            ["config", "get", hostile], ["run", "--network", hostile, "--", "/bin/true"], ["run", "--no-such-" + hostile],
        ]
        for line in lines {
            let outcome = try place.coop(line)
            #expect((outcome.exitCode != 0 || line[0] == "why") && isCalm(outcome), "\(line.first ?? "") \(line.dropFirst().first ?? ""): \(outcome.error.debugDescription)")
        }
        let directory = try place.makeDirectory(hostile.split(separator: "/").joined())
        let refused = try place.coop(["run", "-m", "/nowhere", "--", "/bin/true"], directory: directory)
        #expect(isCalm(refused), "\(refused.error.debugDescription)")
    }

    @Test("the list of sandboxes shows no control characters", arguments: TestIdentity.all)
    func list(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let hostile = "echo up; read x # \u{1B}[31m\u{1B}]0;owned\u{07}\nsecond"
        let child = try place.start(["run", "--", "/bin/sh", "-c", hostile], input: .pipe)
        #expect(try child.waitForOutput("up"))
        let list = try place.coop(["ps"])
        #expect(list.output.contains("/bin/sh") && isCalm(list), "\(list.output.debugDescription)")
        let json = try place.coop(["ps", "--json"])
        #expect(!json.outputBytes.contains(0x1B), "\(json.output.debugDescription)")
        child.closeInput()
        _ = try child.wait()
    }

    private func isCalm(_ outcome: ChildProcess.Outcome) -> Bool {
        !(outcome.output + outcome.error).unicodeScalars.contains {
            ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || (0x7F...0x9F).contains($0.value) || $0.value == 0x202E
        } && !outcome.error.contains("\nforged")
    }
}
