import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What coop says when something is wrong: word for word, since it is all that a person gets to see of it.
@Suite struct ErrorTextTests {
    /// A state of the project and what is tried in it.
    struct Situation: Sendable {
        var title: String
        /// Paths below the project, or below `~/`; a directory ends with `/`, a link is `-> target`.
        var files: [String: String] = [:]
        /// The user's own configuration.
        var user = ""
        var environment: [String: String] = [:]
        /// Lines as they are typed after `coop`; `|` in front of them gives what is on standard input.
        var lines: [String]
    }

    static let situations: [Situation] = [
        Situation(
            title: "a bare project",
            lines: [
                "bogus", "--bogus", "run", "run --", "run --bogus -- true", "run --memry 4G -- true", "run nosuchprogram",
                "run ./nosuchprogram",
                "exec", "exec abcdefgh ls", "exec abc ls", "stop nosuchname", "stop", "shell abcdefgh", "why", "why host:99999",
                "run --memory 4X -- true", "run --memory 0 -- true", "run --cpus abc -- true", "run --cpus 0 -- true",
                "run --pids 0 -- true", "run --disk 1Q -- true", "run --timeout 5 -- true", "run --timeout 0s -- true",
                "run --network foo -- true", "run --network none --allow example.com -- true", "run --network none --ask -- true",
                "run --allow https://example.com/ -- true", "run --allow 10.0.0.1 -- true", "run --allow * -- true",
                "run --engine foo -- true", "run --engine microvm -- true", "run --workspace zip -- true",
                "run --workspace worktree -- true", "run --workdir /nope -- true", "run --workdir= -- true",
                "run --name a/b -- true", "run --seccomp /nope -- true", "run --seccomp /etc/passwd -- true",
                "run --allow-syscalls foo -- true", "run --degraded landlok -- true", "run --degraded seccomp -- true",
                "run -e 1A=2 -- true", "run -e NOT_SET_ANYWHERE -- true", "run --env-file /nope -- true",
                "run --env-allow a-b -- true", "run -m /nope -- true", "run -m /usr:rel -- true", "run -m /usr:/ -- true",
                "run -m ~bob/x -- true", "run -m /proc:/x -- true", "run -m /dev/null:/x -- true", "run -m /opt:/etc -- true",
                "run -m /opt:/x -m /usr:/x -- true", "run --prompt x --prompt-file y -- true", "supervise",
                "explain", "explain --bogus -- true", "doctor --bogus", "completions tcsh", "help bogus",
            ]),
        Situation(
            title: "work to review",
            lines: [
                "diff", "diff nope", "diff abcdefgh src/nope", "apply", "apply nope", "apply src/nope", "apply -p --json", "discard",
                "discard nope",
                "undo", "undo nope", "undo --redo", "task", "task list", "task path nope", "task rm nope", "task merge nope",
                "task merge a --squash --rebase", "task divergence nope", "run --task a/b -- true", "run --task x -- true",
                "run --task x --workspace bind -- true", "run --base main -- true", "commits", "commits list",
                "commits import", "commits import nope", "commits bundle f", "commits rm", "commits rm nope",
            ]),
        Situation(
            title: "configuration by commands",
            files: ["coop.toml": "name = \"x\"\n[network]\nallow = [\"a.example\"]\n[[grants]]\nname = \"g\"\n"],
            lines: [
                "config", "config get", "config get nope", "config get sandbox.memry", "config validate", "config set sandbox.memory lots",
                "config list",
            ]),
        Situation(
            title: "a right file", files: ["coop.toml": "name = \"x\"\n[network]\nallow = [\n  # one\n  \"a.example\"\n]\n"],
            lines: [
                "config get sandbox.memory", "config set", "config set sandbox.memory", "config set sandbox.memory lots",
                "config set sandbox.memory 1G 2G", "config set sandbox.memroy 1G", "config set memory 1G", "config set sandbox 1",
                "config set a..b 1", "config set grants x", "config set network.rules []", "config set services.postgres 17",
                "config set commands.git.alow x", "config set sandbox.cpus 0", "config set sandbox.pids many",
                "config set sandbox.timeout 5", "config set sandbox.engine nativ", "config set sandbox.caches [1", "config set name ../x",
                "config set sandbox.protect /etc", "config set sandbox.env A", "config set sandbox.env.A-B 1",
                "config set network.host_ports http", "config set network.allow b.example", "config set --add sandbox.memory 1G",
                "config set --add network.allow *", "config set --remove network.allow z.example", "config set --add --remove name x",
                "config set --user --local name x", "config set network.proxy ftp://x",
                "config set network.proxy http://u:p@proxy.example:1",
                "config unset sandbox.memory", "config unset name", "config edit --bogus", "config import", "config import nope.toml",
                "config import coop.toml", "config import --yes --dry-run",
            ]),
        Situation(
            title: "wrong files",
            files: [
                "coop.toml": "nam = \"x\"\n[sandbox]\nmemory = true\nprotect = \"x\"\nmemory = 1\n",
                "pillbox.toml": "name = \n", ".sbox/config.yaml": "env: *a\n",
            ],
            lines: [
                "config validate", "run true", "config set name x", "config get name", "config import", "config import .sbox/config.yaml",
            ]),
        Situation(
            title: "wrong values",
            files: [
                "coop.toml": """
                nam = "x"
                agent = 1
                [sandbox]
                memory = true
                cpus = "x"
                pids = 0
                timeout = 5
                engine = "nativ"
                rootfs = "/x"
                mounts = ["a:b:c:d"]
                excludes = ["/x"]
                env = { "A-B" = "1", C = 1 }
                env_allow = ["a-b"]
                allow_syscalls = ["A"]
                [network]
                mode = "host"
                allow = ["http://x", "*"]
                host_ports = ["80", 0]
                proxy = "x"
                hosts = { "a:1" = "b" }
                [[network.rules]]
                hosts = "x"
                [[grants]]
                name = "g"
                [[grants]]
                name = "h"
                domain = "a.example"
                header = "X"
                query = "y"
                secret = "S"
                [[grants]]
                name = "i"
                domain = "a.example"
                header = "X"
                [commands.git]
                alow = ["x"]
                [services.postgres]
                [hooks]
                prepar = "x"

                """
            ], lines: ["config validate"]),
        Situation(
            title: "a file that cannot be read", files: ["coop.toml/": ""], lines: ["config validate", "run true", "config set name x"]),
        Situation(
            title: "a link that leads out", files: ["coop.toml": "-> /etc/passwd"],
            lines: ["config validate", "config edit", "config set name x"]),
        Situation(title: "a link that leads nowhere", files: ["coop.toml": "-> nowhere"], lines: ["config validate"]),
        Situation(
            title: "a wrong user's file", user: "[network]\nmode = \"host\"\n",
            lines: ["config validate", "run true", "allow --save a.example"]),
        Situation(
            title: "wrong variables", environment: ["COOP_SANDBOX_CPUS": "x", "COOP_SANDBOX_MEMRY": "1G", "COOP_GRANTS": "x"],
            lines: ["config validate", "run true"]),
        Situation(
            title: "a relative COOP_HOME", environment: ["COOP_HOME": "relative"], lines: ["config list"]),
        Situation(title: "COOP_HOME is the home", environment: ["COOP_HOME": "/"], lines: ["config list"]),
        Situation(title: "no editor", files: ["coop.toml": "name = \"x\"\n"], environment: ["EDITOR": "false"], lines: ["config edit"]),
        Situation(
            title: "a repository that asks",
            files: ["coop.toml": "name = \"x\"\n[sandbox]\nmounts = [\"/opt:/x:ro\"]\nenv_allow = [\"A_*\"]\n[network]\nmode = \"open\"\n"],
            lines: ["run true", "explain -- true", "trust", "trust --show --yes", "run --no-input true"]),
        Situation(
            title: "excludes", files: ["coop.toml": "name = \"x\"\n[sandbox]\nexcludes = [\"link\"]\n", "link": "-> /etc"],
            lines: ["run true"]),
        Situation(
            title: "environment files",
            files: ["good": "A=1\n", "bad": "A=1\nB = 2\n", "bad2": "A='x\n", "bad3": "1A=2\n", "bad4": "=x\n"],
            lines: [
                "run --env-file bad -- true", "run --env-file bad2 -- true", "run --env-file bad3 -- true", "run --env-file bad4 -- true",
                "run --env-file . -- true",
            ]),
        Situation(
            title: "seccomp profiles", files: ["p1": "{", "p2": "{}", "p3": "{\"defaultAction\": \"SCMP_ACT_FOO\"}"],
            lines: ["run --seccomp p1 -- true", "run --seccomp p2 -- true", "run --seccomp p3 -- true"]),
        Situation(
            title: "secrets",
            lines: [
                "secret", "secret add", "secret add a/b", "secret add -x", "| secret add EMPTY", "| s secret add S --provider nosuch",
                "secret show NOSUCH", "secret rm NOSUCH", "secret list --bogus", "| value secret add TWICE", "| value secret add TWICE",
            ]),
        Situation(
            title: "grants",
            lines: [
                "grant", "grant add", "grant add g", "grant add g --provider nosuch --secret S",
                "grant add g --domain a.example --secret S",
                "grant add g --domain a.example --header X", "grant add g --domain http://x --header X --secret S",
                "grant add g --domain a.example --header X --source foo:bar",
                "grant add g --domain a.example --header X --secret S --template x",
                "grant remove nosuch", "grant mcp", "grant mcp auth", "grant mcp auth nourl", "grant mcp auth ftp://x",
                "grant mcp remove nosuch",
                "grant mcp refresh nosuch",
            ]),
        Situation(
            title: "network and policy",
            lines: [
                "allow", "allow a.example", "allow https://a.example", "allow a.example --session nosuchid", "deny *", "net", "net status",
                "net status nosuchid", "policy", "policy check /nope", "policy test", "policy test http://", "policy test a.example:99999",
                "policy test ftp://x",
            ]),
        Situation(
            title: "the audit log",
            lines: [
                "audit", "audit show -n x", "audit show --type nosuch", "audit show --since never", "audit export --format nosuch",
                "audit export -o /nope/x",
            ]),
        Situation(title: "inside a sandbox", environment: ["COOP_SESSION": "abcdefgh2345"], lines: ["run true", "shell"]),
        Situation(
            title: "agents", files: ["~/.coop/x": ""],
            lines: ["run claude", "run --safe ls", "run --prompt x ls", "run --prompt-file /nope claude"]),
    ]

    private func outcome(_ situation: Situation) throws -> String {
        let place = try Sandboxed(anyone)
        for (name, text) in situation.files.sorted(by: { $0.key < $1.key }) {
            let path = name.hasPrefix("~/") ? place.home + name.dropFirst(1) : name
            if name.hasSuffix("/") {
                try place.makeDirectory(String(path.dropLast()))
            } else if text.hasPrefix("-> ") {
                try place.link(path, to: String(text.dropFirst(3)))
            } else {
                try place.write(path, text)
            }
        }
        if !situation.user.isEmpty { try place.writeUserConfiguration(situation.user) }
        var result = "## \(situation.title)\n"
        for line in situation.lines {
            var words = line.split(separator: " ").map(String.init)
            var input = ChildProcess.Input.null
            if words.first == "|" {
                words.removeFirst()
                let end = words.firstIndex(of: "secret") ?? 0
                input = .bytes(words[..<end].joined(separator: " ").osBytes)
                words.removeFirst(end)
            }
            let outcome = try place.coop(words, environment: situation.environment, input: input)
            if outcome.exitCode == 0 { continue }
            var text = outcome.error.replacing(place.root, with: "ROOT").replacing("user \(anyone.user)", with: "user UID")
            // The list of providers grows.
            let known = text.split(separator: "known are anthropic", maxSplits: 1)
            if known.count == 2 { text = known[0] + "known are …\n" + (known[1].split(separator: "\n").last ?? "") + "\n" }
            result += "\n$ coop \(words.joined(separator: " "))\nexit \(outcome.exitCode)\n\(text)"
            #expect(text.hasPrefix("coop: ") && text.split(separator: "\n").last?.hasPrefix("Next: ") == true, "\(line): \(text)")
            let next = text.split(separator: "\n").last?.dropFirst(6) ?? ""
            #expect(!next.isEmpty, "\(line): \(text)")
        }
        return result + "\n"
    }

    @Test("every message is what it was; COOP_GOLDEN=write when a change is meant", .enabled(if: anyone != .root))
    func golden() throws {
        let texts = try ErrorTextTests.situations.map { try outcome($0) }.joined(separator: "\n")
        #expect(try Golden.difference(texts, "errors.txt") == nil)
    }

    // MARK: - The source

    /// Each `CoopError(…)` in the sources: where, and what stands in the parentheses.
    private static func constructions() throws -> [(place: String, text: String)] {
        let sources = FileSystem.normalize(#filePath + "/../../../Sources")
        var result: [(place: String, text: String)] = []
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory) {
                let path = FileSystem.join(directory, name)
                if kind == .directory {
                    try visit(path)
                } else if name.hasSuffix(".swift") {
                    let bytes = try FileSystem.read(path)
                    for start in starts(of: Array("CoopError(".utf8), in: bytes) {
                        let text = argument(bytes, from: start + 10)
                        guard text.first == "." else { continue }
                        let line = bytes[..<start].count { $0 == 10 } + 1
                        result.append(("\(path.dropFirst(sources.utf8.count + 1)):\(line)", text))
                    }
                }
            }
        }
        try visit(sources)
        return result
    }

    private static func starts(of wanted: [UInt8], in bytes: [UInt8]) -> [Int] {
        guard bytes.count >= wanted.count, let first = wanted.first else { return [] }
        return (0...bytes.count - wanted.count).filter { bytes[$0] == first && bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }

    /// The text up to the parenthesis that closes, strings and what is interpolated in them skipped.
    private static func argument(_ bytes: [UInt8], from start: Int) -> String {
        var open: [UInt8] = [0x28]
        var index = start
        while index < bytes.count, let last = open.last {
            let byte = bytes[index]
            if last == 0x22 {
                if byte == 0x5C {
                    index += 1
                    if index < bytes.count, bytes[index] == 0x28 { open.append(0x28) }
                } else if byte == 0x22 {
                    open.removeLast()
                }
            } else if byte == 0x22 || byte == 0x28 {
                open.append(byte)
            } else if byte == 0x29 {
                open.removeLast()
            }
            index += 1
        }
        return String(decoding: bytes[start..<max(start, index - 1)], as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(
            separator: " ")
    }

    @Test("every error names what to do next")
    func remedies() throws {
        let all = try ErrorTextTests.constructions()
        #expect(all.count > 250, "\(all.count)")
        for (place, text) in all { #expect(text.contains("next: ") && !text.contains("next: \"\""), "\(place): \(text)") }
    }
}
