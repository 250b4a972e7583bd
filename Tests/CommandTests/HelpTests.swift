import LinuxKernel
import TestSupport
import Testing

/// The commands of this version. What a user types is a contract: to add is fine, to rename needs a reason.
enum Contract {
    static let commands = [
        "run", "shell", "exec", "explain", "why", "ps", "info", "attach", "detach", "send", "watch", "subscribe", "logs", "wait", "stop",
        "restart", "rm", "prune", "init", "project", "trust", "config", "diff", "apply", "discard", "undo", "task", "commits", "secret",
        "env", "auth",
        "profile", "grant", "allow", "deny", "net", "policy",
        "audit", "doctor",
        "version",
        "capabilities", "completions",
    ]
    static let configCommands = ["get", "set", "unset", "list", "edit", "validate", "import"]
    static let projectCommands = ["new", "list", "info", "rm", "move"]
    static let environmentCommands = ["load", "list", "show", "rm"]
    static let secretCommands = ["add", "list", "show", "rm"]
    static let grantCommands = ["add", "list", "remove", "providers"]
    static let taskCommands = ["list", "divergence", "merge", "path", "rm"]
    static let commitsCommands = ["list", "import", "bundle", "rm"]
    static let auditCommands = ["show", "verify", "export"]
    static let all =
        commands.map { [$0] } + configCommands.map { ["config", $0] } + secretCommands.map { ["secret", $0] }
        + ["login", "list", "rm"].map { ["auth", $0] } + ["add", "list", "current", "rm"].map { ["profile", $0] }
        + projectCommands.map { ["project", $0] } + environmentCommands.map { ["env", $0] }
        + grantCommands.map { ["grant", $0] } + ["auth", "list", "refresh", "remove"].map { ["grant", "mcp", $0] }
        + [["net", "status"], ["net", "bundles"], ["policy", "show"], ["policy", "check"], ["policy", "test"]]
        + auditCommands.map { ["audit", $0] } + taskCommands.map { ["task", $0] } + commitsCommands.map { ["commits", $0] }

    /// The options that the command contract promises for `run` and `shell` in this version.
    static let runOptions = [
        "--engine", "-m", "--mount", "-e", "--env", "--env-file", "--env-bundle", "--input-file", "--project", "--network", "--allow",
        "--deny", "--ask", "--workspace", "--task", "--base", "--workdir",
        "--memory", "--cpus", "--pids",
        "--disk",
        "--timeout", "--name", "--seccomp", "--allow-syscalls", "--keep", "--ephemeral", "--degraded", "--profile", "-t", "--tty",
        "--no-tty",
    ]
}

@Suite struct HelpTests {
    @Test("every command has an abstract, a usage line and an example in its help", arguments: Contract.all)
    func help(_ words: [String]) throws {
        let place = try Sandboxed(anyone)
        for form in [words + ["--help"], words + ["-h"], ["help"] + words] {
            let outcome = try place.coop(form)
            #expect(outcome.exitCode == 0 && outcome.errorBytes.isEmpty, "\(form): \(outcome)")
            #expect(outcome.output.hasPrefix("OVERVIEW: "), "\(form)")
            #expect(outcome.output.contains("USAGE: coop \(words.joined(separator: " "))"), "\(form)")
            #expect(outcome.output.contains("Example"), "\(form) shows no example")
            let example = outcome.output.split(separator: "\n").contains { line in
                line.contains("  ") && (line.contains("coop \(words.joined(separator: " "))"))
            }
            #expect(example, "\(form) shows no example of itself: \(outcome.output)")
        }
        #expect(try place.snapshot() == [] && FileSystem.list(place.coopHome) == [], "help leaves nothing")
    }

    @Test("the list of commands is the contract's")
    func list() throws {
        let output = try Sandboxed(anyone).coop(["--help"]).output
        var found: [String] = []
        var isInGroup = false
        for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasSuffix("SUBCOMMANDS:") {
                isInGroup = true
            } else if line.isEmpty {
                isInGroup = false
            } else if isInGroup,
                line.hasPrefix("  "), !line.hasPrefix("   "), let word = line.split(separator: " ").first, !line.contains("See 'coop")
            {
                found.append(String(word))
            }
        }
        #expect(found == Contract.commands)
        for group in [
            "RUN SUBCOMMANDS", "SESSIONS SUBCOMMANDS", "PROJECTS AND TRUST SUBCOMMANDS", "NETWORK, POLICY, AUDIT SUBCOMMANDS",
            "SYSTEM SUBCOMMANDS",
        ] {
            #expect(output.contains(group))
        }
        for hidden in ["supervise", "terminal-worker", "probe", "refresh-login", "notify"] { #expect(!output.contains("  \(hidden)")) }
    }

    @Test("run and shell have the options of the contract, and each is explained", arguments: ["run", "shell", "explain"])
    func options(_ command: String) throws {
        let output = try Sandboxed(anyone).coop([command, "--help"]).output
        for option in Contract.runOptions {
            #expect(
                output.contains("  \(option) ") || output.contains("  \(option), ") || output.contains(", \(option) ")
                    || output.contains("/\(option) ") || output.contains("\(option)/"), "\(option)")
        }
    }

    @Test("coop's options end at the first word that is not one: -p, --help and -- belong to the command")
    func passthrough() throws {
        let place = try Sandboxed(anyone)
        #expect(try place.coop(["run", "printf", "%s|", "-p", "--help", "--memory", "4X", "--"]).output == "-p|--help|--memory|4X|--|")
        #expect(try place.coop(["run", "--", "printf", "%s|", "--", "-h"]).output == "--|-h|")
        #expect(try place.coop(["run", "--memory", "1G", "printf", "%s|", "--degraded"]).output == "--degraded|")
        #expect(try place.coop(["run", "env", "printf", ""]).exitCode == 0)
    }

    @Test("completions are scripts that their shells accept", arguments: ["bash", "zsh", "fish"])
    func completions(_ shell: String) throws {
        let place = try Sandboxed(anyone)
        let script = try place.coop(["completions", shell])
        #expect(script.exitCode == 0 && script.output.utf8.count > 1000)
        for command in Contract.commands { #expect(script.output.contains(command), "\(command)") }
        for option in ["memory", "degraded", "env-file"] { #expect(script.output.contains(option), "\(option)") }
        let program = ["/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + shell }.first { FileSystem.isExecutable($0) }
        guard let program else { return }
        let path = try place.write("script", script.output)
        let checked = try place.outside([program, "-n", path])
        #expect(checked.exitCode == 0 && checked.errorBytes.isEmpty, "\(checked)")
    }

    @Test("bash really completes commands and options")
    func bash() throws {
        let place = try Sandboxed(anyone)
        let script = try place.write("script", try place.coop(["completions", "bash"]).output)
        let outcome = try place.outside([
            "/bin/bash", "-c",
            "source \(script); f=$(complete -p coop | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); COMP_WORDS=(coop exp); COMP_CWORD=1; COMP_LINE='coop exp'; COMP_POINT=8; $f coop exp coop; echo ${COMPREPLY[@]}",
        ])
        #expect(outcome.output == "explain\n", "\(outcome)")
    }

    @Test("bash completes the names of projects and environments")
    func names() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["env", "load", "development", "-"], input: .bytes(Array("A=1\n".utf8))).expectSuccess()
        let script = try place.write("script", try place.coop(["completions", "bash"]).output)
        for (words, expected) in [("project rm pro", "project\n"), ("env show dev", "development\n"), ("run --project pro", "project\n")] {
            let all = ["coop"] + words.split(separator: " ").map(String.init)
            let outcome = try place.outside([
                "/bin/bash", "-c",
                """
                PATH=\(try BuiltPrograms.directory()):$PATH; source \(script)
                f=$(complete -p coop | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); COMP_WORDS=(\(all.joined(separator: " "))); COMP_CWORD=\(all.count - 1)
                COMP_LINE='\(all.joined(separator: " "))'; COMP_POINT=${#COMP_LINE}; $f coop \(all[all.count - 1]) \(all[all.count - 2])
                echo ${COMPREPLY[@]}
                """,
            ])
            #expect(outcome.output == expected, "\(words): \(outcome)")
        }
    }

    @Test("version and capabilities answer programs")
    func version() throws {
        struct Version: Decodable {
            var version: Int
            var coop: String
            var architecture: String
        }
        struct Capabilities: Decodable {
            struct Engine: Decodable {
                var name: String
                var available: Bool
            }
            var version: Int
            var coop: String
            var engines: [Engine]
            var layers: [String]
            var configurationKeys: [String]
            var exitCodes: [String: Int]
        }
        let place = try Sandboxed(anyone)
        let text = try place.coop(["version"]).output
        let version = try place.coop(["version", "--json"]).json(Version.self)
        #expect(version.version == 1 && text == "coop \(version.coop)\n")
        #expect(try place.coop(["--version"]).output == "\(version.coop)\n")
        let capabilities = try place.coop(["capabilities"]).json(Capabilities.self)
        #expect(capabilities.version == 1 && capabilities.engines.map(\.name) == ["native"] && capabilities.engines[0].available)
        #expect(capabilities.exitCodes["timeout"] == 124 && capabilities.layers.contains("landlock"))
    }

    @Test("a reader that goes away is no failure")
    func brokenPipe() throws {
        let place = try Sandboxed(anyone)
        let coop = try BuiltPrograms.coop()
        let outcome = try place.outside(["/bin/bash", "-c", "\(coop) config list | head -1; echo ${PIPESTATUS[0]}"])
        #expect(outcome.output.hasPrefix("KEY") && (outcome.output.hasSuffix("\n0\n") || outcome.output.hasSuffix("\n141\n")), "\(outcome)")
        #expect(outcome.errorBytes.isEmpty)
    }
}
