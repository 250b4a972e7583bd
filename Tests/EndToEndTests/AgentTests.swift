import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// Agents by name, with programs that say how they were started.
@Suite struct AgentTests {
    /// Says its arguments, one a line, and some of its variables.
    private static let program = """
        #!/bin/sh
        for word; do printf 'word <%s>\\n' "$word"; done
        printf 'auto <%s> key <%s>\\n' "$SAMPLE_AUTO" "$ANTHROPIC_API_KEY"
        """

    private static let file = """
        name = "sample"
        title = "Sample"
        binary = "sample-agent"
        places = ["~/.sample/bin/sample-agent"]
        install = "npm install -g sample"
        providers = ["anthropic"]
        [autonomy]
        flags = ["--yes"]
        marks = ["--ask"]
        except = ["login"]
        environment = { SAMPLE_AUTO = "1" }
        [network]
        hosts = ["sample.example.com"]
        [prompt]
        interactive = ["{prompt}"]
        headless = ["-p", "{prompt}"]
        [[seeds]]
        file = ".sample-state/state.json"
        format = "json"
        path = ["trusted", "{workspace}"]
        value = true
        """

    private func place(_ identity: TestIdentity) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("../coophome/agents/sample.toml", AgentTests.file)
        try place.write("../home/.sample/bin/sample-agent", AgentTests.program, mode: 0o755)
        try place.write("../home/.sample/token", "secret")
        return place
    }

    @Test("an agent is found, works alone, and gets its own arguments whole", arguments: TestIdentity.all)
    func run(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let outcome = try place.coop(["run", "--network", "scoped", "sample", "-p", "fix it", "-m", "x", "--name", "-s"])
        #expect(
            outcome.output == "word <--yes>\nword <-p>\nword <fix it>\nword <-m>\nword <x>\nword <--name>\nword <-s>\nauto <1> key <>\n",
            "\(outcome)")
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome)")
        #expect(outcome.error.hasPrefix("coop: sample: ") && outcome.error.contains("reaches sample.example.com"), "\(outcome)")
        let safe = try place.coop(["run", "--safe", "sample", "x"])
        #expect(safe.output == "word <x>\nauto <> key <>\n", "\(safe)")
        let marked = try place.coop(["run", "sample", "--ask=always"])
        #expect(marked.output == "word <--ask=always>\nauto <> key <>\n", "\(marked)")
        let login = try place.coop(["run", "--", "sample", "login"])
        #expect(login.output == "word <login>\nauto <> key <>\n", "\(login)")
    }

    @Test("nothing of the home appears but the program")
    func installation() throws {
        let place = try place(anyone)
        try place.write(
            "../home/.sample/bin/sample-agent",
            "#!/bin/sh\nfind \"$HOME\" -mindepth 1 -not -path '*/.sample-state*' -not -path '*/.pki*' | sort\n", mode: 0o755)
        let outcome = try place.coop(["run", "sample"])
        #expect(
            outcome.output == "\(place.home)/.sample\n\(place.home)/.sample/bin\n\(place.home)/.sample/bin/sample-agent\n", "\(outcome)")
    }

    @Test("sandboxes of one project that start at once do not take each other's program away")
    func together() throws {
        for _ in 0..<3 {
            let place = try place(anyone)
            let processes = try (0..<4).map { _ in try place.start(["run", "sample"]) }
            for process in processes {
                let outcome = try process.wait()
                #expect(outcome.exitCode == 0 && outcome.output.contains("<--yes>"), "\(outcome)")
            }
        }
    }

    @Test("what it would ask for is in its state, beside what it keeps there", arguments: TestIdentity.all)
    func seeds(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let state = "\"$HOME/.sample-state/state.json\""
        func run(_ script: String) throws -> String {
            try place.write("../home/.sample/bin/sample-agent", "#!/bin/sh\n\(script)\n", mode: 0o755)
            return try place.coop(["run", "sample"]).output
        }
        #expect(try run("cat \(state); echo '{\"mine\": 1}' > \(state)").contains("\"\(place.project)\": true"))
        let second = try run("cat \(state); rm \(state); ln -s /etc/passwd \(state)")
        #expect(second.contains("\"mine\": 1") && second.contains("\"\(place.project)\": true"), "\(second)")
        // A link that a run has planted is neither followed nor replaced.
        #expect(try run("readlink \(state)") == "/etc/passwd\n")
    }

    @Test("a key that the host has is a stub inside, unless a grant of the user's says otherwise")
    func credential() throws {
        let place = try place(anyone)
        let real = "sk-ant-api03-" + String(repeating: "r", count: 95)
        let outcome = try place.coop(["run", "--network", "scoped", "sample"], environment: ["ANTHROPIC_API_KEY": real])
        #expect(outcome.output.contains("key <sk-ant-api03-") && !outcome.output.contains(real), "\(outcome)")
        #expect(outcome.error.contains("ANTHROPIC_API_KEY as a stub") && !outcome.error.contains(real), "\(outcome)")
        let none = try place.coop(["run", "--network", "none", "sample"], environment: ["ANTHROPIC_API_KEY": real])
        #expect(none.output.contains("key <>") && none.error.contains("no network"), "\(none)")
        try place.configure(
            """
            [[grants]]
            name = "mine"
            provider = "anthropic"
            source = "env:MY_KEY"
            """)
        let own = try place.coop(
            ["explain", "--network", "scoped", "--json", "sample"], environment: ["ANTHROPIC_API_KEY": real, "MY_KEY": real])
        #expect(own.output.contains("grant mine") && !own.output.contains("grant anthropic"), "\(own)")
    }

    @Test("a task is handed over in the agent's own form")
    func prompt() throws {
        let place = try place(anyone)
        let outcome = try place.coop(["run", "--prompt", "fix -x", "sample", "-m"])
        #expect(outcome.output.hasPrefix("word <--yes>\nword <-m>\nword <-p>\nword <fix -x>\n"), "\(outcome)")
        try place.write("task.md", "line 1\nline 2\n")
        let file = try place.coop(["run", "--prompt-file", "task.md", "sample"])
        #expect(file.output.contains("word <line 1\nline 2\n>"), "\(file)")
        let input = try place.coop(["run", "--prompt-file", "-", "sample"], input: .bytes(Array("from stdin".utf8)))
        #expect(input.output.contains("word <from stdin>"), "\(input)")
        #expect(try place.coop(["run", "--prompt", "x", "--prompt-file", "y", "sample"]).exitCode == 125)
        #expect(try place.coop(["run", "--prompt-file", "missing", "sample"]).error.contains("cannot read the prompt"))
    }

    @Test("a bare run starts the project's agent; a missing program, and a mistake in a file, are said")
    func configured() throws {
        let place = try place(anyone)
        try place.write("coop.toml", "name = \"p\"\nagent = \"sample\"\n")
        #expect(try place.coop(["run"]).output == "word <--yes>\nauto <1> key <>\n")
        try place.write("../coophome/agents/claude.toml", "name = \"claude\"\nbinary = \"no-such-claude\"\nplaces = []\n")
        let missing = try place.coop(["run", "claude"])
        #expect(missing.exitCode == 127 && missing.error.contains("Next: npm install -g @anthropic-ai/claude-code"), "\(missing)")
        try place.write("../coophome/agents/broken.toml", "name = \"broken\"\nbinari = \"x\"\n")
        let broken = try place.coop(["run", "broken"])
        #expect(broken.exitCode == 125 && broken.error.contains("broken.toml:2:1: unknown key `binari`"), "\(broken)")
        // Nor does anything else start: what that agent obeys in a project would be left open.
        for command in [["sample"], ["true"]] {
            let other = try place.coop(["run", "--"] + command)
            #expect(other.exitCode == 125 && other.error.contains("cannot protect what the agent broken obeys"), "\(other)")
            #expect(other.error.contains("broken.toml:2:1: unknown key `binari`") && other.error.contains("\nNext: "), "\(other)")
        }
        #expect(try place.remains() == [])
    }
}
