import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A fresh account, a fresh checkout, a terminal, and `coop run claude`: every word that is said.
@Suite struct FirstRunTests {
    /// Plays the agent; asks a host that is not its own when it is told to.
    private static let program = """
        #!/bin/sh
        echo "working with $1"
        [ "$2" != ask ] || curl -s --max-time 60 https://elsewhere.example.com/
        """

    private func place(_ identity: TestIdentity) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        // Coop has never run here.
        try FileSystem.removeTree(place.coopHome)
        place.environment["COOP_HOME"] = nil
        try place.write("../home/.local/bin/claude", FirstRunTests.program, mode: 0o755)
        let made = try place.hostShell("git init -q && git -c user.name=T -c user.email=t@example.com commit -q --allow-empty -m first")
        #expect(made.exitCode == 0, "\(made)")
        return place
    }

    /// What a terminal shows of a run.
    private func shown(_ place: Sandboxed, _ arguments: [String], environment: [String: String] = [:]) throws -> String {
        let outcome = try place.coop(arguments, environment: environment, input: .terminal(rows: 24, columns: 200))
        #expect(outcome.exitCode == (arguments.contains("ask") ? 56 : 0), "\(outcome)")
        return outcome.output.replacing("\r\n", with: "\n")
    }

    private func line(_ place: Sandboxed, credentials: String = "no credentials", hosts: Int = 2) -> String {
        "coop: claude: \(place.project) (live) · reaches api.anthropic.com, claude.ai and \(hosts) more · \(credentials) "
            + "· your home stays outside · asks nothing (--safe to be asked)\n"
    }

    private static let work = "working with --dangerously-skip-permissions\n"

    @Test("one line, the work, and nothing else; the second run is the same", arguments: TestIdentity.all)
    func first(_ identity: TestIdentity) throws {
        let place = try place(identity)
        for _ in 1...2 { #expect(try shown(place, ["run", "claude"]) == line(place) + FirstRunTests.work) }
        #expect(try place.hostShell("git status --porcelain").output.isEmpty)
        // Nothing of coop's lies in the checkout, and all of it in one directory of the home.
        #expect(try place.hostShell("ls -A . ~").output == ".:\n.git\n\n\(place.home):\n.coop\n.local\n")
    }

    @Test("a key of the host's changes the line alone")
    func key() throws {
        let place = try place(TestIdentity.all[0])
        let key = ["ANTHROPIC_API_KEY": "sk-ant-api03-" + String(repeating: "k", count: 95)]
        let expected = line(place, credentials: "ANTHROPIC_API_KEY as a stub", hosts: 3) + FirstRunTests.work
        #expect(try shown(place, ["run", "claude"], environment: key) == expected)
    }

    @Test("what was refused is said at the end, with the command that allows it", arguments: TestIdentity.all)
    func refused(_ identity: TestIdentity) throws {
        let place = try place(identity)
        #expect(
            try shown(place, ["run", "claude", "ask"]) == line(place) + FirstRunTests.work
                + """
                coop: refused elsewhere.example.com: no rule allows it
                Next: coop run --allow elsewhere.example.com -- COMMAND

                """)
    }

    @Test("with -v everything is said by name")
    func verbose() throws {
        let place = try place(TestIdentity.all[0])
        #expect(
            try shown(place, ["run", "-v", "claude"]) == line(place)
                + """
                  shared    \(place.project), live
                            \(place.home)/.local/bin/claude, read-only (agent claude)
                  reaches   api.anthropic.com
                            claude.ai
                            console.anthropic.com
                            platform.claude.com
                  as stubs  nothing
                  withheld  everything else in \(place.home): the sandbox has a home of its own there
                            all other files that are not the system's
                            variables that look like secrets, services of this machine, private networks
                  more      coop explain -- claude

                """ + FirstRunTests.work)
    }

    @Test("coop doctor is content, or says what to do", arguments: TestIdentity.all)
    func doctor(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let outcome = try place.coop(["doctor"])
        #expect(outcome.exitCode == 0 || (outcome.output + outcome.error).contains("Next: "), "\(outcome)")
    }
}
