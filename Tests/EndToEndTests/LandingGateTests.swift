import FoundationEssentials
import LinuxKernel
import TestSupport
import Testing

/// What an agent did that the host would execute or trust does not land unasked.
@Suite struct LandingGateTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root
    private static let screen = ChildProcess.Input.terminal(rows: 50, columns: 200)

    /// One that has done honest work and more.
    private func session(_ script: String, as identity: TestIdentity = anyone) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("src/main.c", "int main;\n")
        let outcome = try place.shell(script, options: ["--workspace", "overlay", "--network", "none"])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return place
    }

    private static let plain = "echo '/* more */' >> src/main.c; echo note > README.md; "

    @Test("source files land without a question", arguments: TestIdentity.all)
    func plain(_ identity: TestIdentity) throws {
        let place = try session(LandingGateTests.plain, as: identity)
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.text("src/main.c") == "int main;\n/* more */\n" && place.text("README.md") == "note\n")
        #expect(try !place.coop(["audit", "show", "--type", "landing"]).output.contains("landing"))
    }

    /// What the next thing on the host would run: a hook, an editor's task, settings and servers of agents, an interpreter, coop's own
    /// configuration; by names that only another file system reads so; through links; by the rights of a file.
    static let planted = [
        "mkdir -p .git/hooks; echo 'touch pwned' > .git/hooks/post-checkout", "mkdir .vscode; echo '{}' > .vscode/tasks.json",
        "mkdir .claude; echo '{}' > .claude/settings.json", "echo 'run this' > AGENTS.md", "echo '{}' > .mcp.json",
        "mkdir -p env/bin; ln -s /tmp/evil env/bin/python", "mkdir venv; echo home=/tmp > venv/pyvenv.cfg", "echo '[network]' > coop.toml",
        "echo 'secrets: x' > .sbxenv.yaml; echo 'touch pwned' > .envrc", "mkdir 'git~1'; echo x > 'git~1/config'",
        "mkdir .GIT; echo x > .GIT/config",
        "printf '*.c filter=x\\n' > .gitattributes", "ln -s ../../outside link", "ln -s /etc/passwd data",
        "cp /bin/true tool; chmod 755 tool",
        "printf 'ref: refs/heads/x\\n' > HEAD; mkdir objects refs",
        "echo x > ./--checkpoint-action=exec=sh",
        "echo '{\"scripts\": {\"postinstall\": \"x\"}}' > package.json",
        "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/ci.yml",
    ]

    @Test("without a terminal it is refused with 126, and nothing has changed", arguments: planted)
    func refused(_ planted: String) throws {
        let place = try session(LandingGateTests.plain + planted)
        let before = try place.tree()
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 126, "\(planted): \(outcome)")
        #expect(outcome.error.contains("would execute or trust") && outcome.error.contains("--accept"), "\(outcome)")
        #expect(try place.tree() == before, "\(planted)")
    }

    @Test("what is accepted by its path lands, with an entry in the audit log; half of it is refused")
    func accepted() throws {
        let place = try session(LandingGateTests.plain + "mkdir .vscode; echo '{}' > .vscode/tasks.json; echo 'a:' > Makefile")
        let half = try place.coop(["apply", "--yes", "--accept", "Makefile"])
        #expect(half.exitCode == 126 && half.error.contains(".vscode/tasks.json") && !half.error.contains("Makefile (new)"), "\(half)")
        #expect(!place.exists("Makefile"))
        // Another spelling accepts nothing.
        #expect(try place.coop(["apply", "--yes", "--accept", "makefile", "--accept", ".VSCODE/"]).exitCode == 126)
        #expect(try place.coop(["apply", "--yes", "--accept", "../x"]).exitCode == 2)
        let whole = try place.coop(["apply", "--yes", "--accept", "Makefile", "--accept", ".vscode/**"])
        #expect(whole.exitCode == 0, "\(whole)")
        #expect(try place.text("Makefile") == "a:\n" && place.text(".vscode/tasks.json") == "{}\n")
        let log = try place.coop(["audit", "show", "--type", "landing"]).output
        #expect(log.contains("path=.vscode/tasks.json rule=.vscode/ decision=refused by=nobody"), "\(log)")
        #expect(log.contains("path=.vscode/tasks.json rule=.vscode/ decision=accepted by=--accept"), "\(log)")
        #expect(log.contains("path=Makefile rule=Makefile decision=accepted by=--accept"), "\(log)")
    }

    @Test("at a terminal each is asked about: seen, let in, left out")
    func asked() throws {
        let place = try session(
            LandingGateTests.plain + "mkdir .vscode; echo '{\"run\": 1}' > .vscode/tasks.json; echo 'a:' > Makefile; echo x > .envrc")
        let child = try place.start(["apply", "--yes"], input: LandingGateTests.screen)
        #expect(try child.waitForOutput("This machine would execute or trust:"), "\(child.outputText)")
        let question = "Let it in? [y]es, [n]o, leave it out, [d]iff, [a]ll, [q]uit "
        #expect(try child.waitForOutput("folder.\r\n" + question), "\(child.outputText)")
        // What is no answer is asked again.
        try child.send("x\r")
        #expect(try child.waitForOutput(question + "x\r\n\r\n.vscode/tasks.json (new): "), "\(child.outputText)")
        try child.send("d\r")
        #expect(try child.waitForOutput("+{\"run\": 1}"), "\(child.outputText)")
        try child.send("y\r")
        #expect(try child.waitForOutput(".envrc (new): direnv executes it.\r\n" + question), "\(child.outputText)")
        try child.send("n\r")
        #expect(try child.waitForOutput("Makefile (new): make runs it.\r\n" + question), "\(child.outputText)")
        try child.send("a\r")
        let outcome = try child.wait()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(
            try !place.exists(".envrc") && place.exists(".vscode/tasks.json") && place.exists("Makefile")
                && place.text("README.md") == "note\n")
        let log = try place.coop(["audit", "show", "--type", "landing"]).output
        #expect(log.contains("path=.envrc rule=.envrc decision=refused by=terminal"), "\(log)")
        #expect(log.contains("path=Makefile rule=Makefile decision=accepted by=terminal"), "\(log)")
        // What was left out is still there to be looked at.
        #expect(try place.coop(["diff", "--name-only"]).output == ".envrc\n")
    }

    @Test("whoever quits changes nothing", arguments: ["q\r", "\u{4}"])
    func quit(_ keys: String) throws {
        let place = try session(LandingGateTests.plain + "echo 'a:' > Makefile")
        let before = try place.tree()
        let child = try place.start(["apply", "--yes"], input: LandingGateTests.screen)
        #expect(try child.waitForOutput("[q]uit "), "\(child.outputText)")
        try child.send(keys)
        let outcome = try child.wait()
        #expect(outcome.exitCode == 126 && outcome.output.contains("nothing was changed"), "\(outcome)")
        #expect(try place.tree() == before)
    }

    @Test("JSON has the findings, of a refusal too")
    func json() throws {
        struct Report: Decodable {
            struct Failure: Decodable { var code: String }
            struct Finding: Decodable {
                var path: String
                var kind: String
                var decision: String
            }
            var error: Failure?
            var findings: [Finding]
        }
        let place = try session("echo 'a:' > Makefile")
        let refused = try place.coop(["apply", "--yes", "--json"])
        let report = try JSONDecoder().decode(Report.self, from: Data(refused.outputBytes))
        #expect(refused.exitCode == 126 && report.error?.code == "refused", "\(refused)")
        #expect(
            report.findings.map(\.path) == ["Makefile"] && report.findings.first?.decision == "refused"
                && report.findings.first?.kind == "build")
        let accepted = try place.coop(["apply", "--yes", "--json", "--accept", "Makefile"])
        #expect(
            try JSONDecoder().decode(Report.self, from: Data(accepted.outputBytes)).findings.first?.decision == "accepted", "\(accepted)")
    }

    @Test("the user adds rules, a repository does not; one that cannot be read stops the landing")
    func ownRules() throws {
        let place = try session("echo x > deploy.yaml; echo 'src build x' > landing-rules.txt")
        let rules = FileSystem.join(place.coopHome, "landing-rules.txt")
        try FileSystem.replace(rules, with: Array("# mine\ndeploy.yaml ci our deployments run it\n".utf8), mode: 0o644)
        try place.give(rules)
        let refused = try place.coop(["apply", "--yes"])
        #expect(refused.exitCode == 126 && refused.error.contains("deploy.yaml (new): our deployments run it"), "\(refused)")
        try FileSystem.replace(rules, with: Array("deploy.yaml\n".utf8), mode: 0o644)
        try place.give(rules)
        let wrong = try place.coop(["apply", "--yes", "--accept", "**"])
        #expect(wrong.exitCode == 3 && wrong.error.contains("landing-rules.txt:1: "), "\(wrong)")
        // A link to rules that are kept elsewhere, which is not mounted.
        try FileSystem.removeFile(rules)
        try place.link(rules, to: "/nowhere/rules")
        let gone = try place.coop(["apply", "--yes", "--accept", "**"])
        #expect(gone.exitCode == 3 && gone.error.contains("cannot read \(rules)"), "\(gone)")
        try FileSystem.removeFile(rules)
        #expect(try place.coop(["apply", "--yes"]).exitCode == 0)
    }

    @Test("what the user's git is told to run is asked about, wherever it is")
    func hooksPath() throws {
        let place = try Sandboxed(LandingGateTests.anyone)
        try place.makeRepository()
        _ = try place.git("config", "core.hooksPath", "tools/hooks")
        let outcome = try place.shell(
            "mkdir -p tools/hooks; echo x > tools/hooks/pre-commit", options: ["--workspace", "overlay", "--network", "none"])
        #expect(outcome.exitCode == 0, "\(outcome)")
        let refused = try place.coop(["apply", "--yes"])
        #expect(refused.exitCode == 126 && refused.error.contains("your git is told to read or run it"), "\(refused)")
    }

    @Test("many of one kind are one question")
    func crowd() throws {
        let place = try session("mkdir -p node_modules/a; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo x > node_modules/a/$i.js; done")
        let refused = try place.coop(["apply", "--yes"])
        #expect(
            refused.exitCode == 126 && refused.error.contains("node_modules/… (12 paths)") && !refused.error.contains("11.js"), "\(refused)"
        )
        #expect(try place.coop(["apply", "--yes", "--accept", "node_modules/"]).exitCode == 0)
        #expect(place.exists("node_modules/a/12.js"))
    }
}

extension Sandboxed {
    /// Every path of the project with its status: equal where nothing has changed.
    fileprivate func tree() throws -> [String] {
        var result: [String] = []
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory).sorted(by: { $0.name < $1.name }) {
                let path = FileSystem.join(directory, name)
                guard let status = try FileSystem.status(path, followLinks: false) else { continue }
                result.append("\(path) \(status.st_ino) \(status.st_mode) \(status.st_size) \(FileSystem.readLink(path) ?? "")")
                if kind == .directory { try visit(path) }
            }
        }
        try visit(project)
        return result
    }
}
