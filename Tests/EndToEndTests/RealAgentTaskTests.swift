import LinuxKernel
import TestSupport
import Testing

/// The real claude in a task: what it commits lands with `coop task merge`, and what the user's tools would execute of it does not unasked.
@Suite(.enabled(if: RealAgent.installed != nil), .serialized) struct RealAgentTaskTests {
    /// Commits a file by git's own means, wherever in the tree it is: what the sandbox protects cannot be written by other means.
    private static let put = #"put() { git update-index --add --cacheinfo 100644,$(echo $2 | git hash-object -w --stdin),$1; }"#

    /// Claude, which is told to run these commands one after another in the task `fix`.
    private func claude(_ identity: TestIdentity, _ commands: [String], prepare: String = "true") throws -> RealAgent {
        let quoted = commands.map { "\"" + $0.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\"" }.joined(separator: ", ")
        let agent = try RealAgent("claude", identity, settings: "\"commands\": [\(quoted)]")
        try agent.place.sh(
            "git config user.name T; git config user.email t@example.com; \(prepare)")
        let outcome = try agent.work(options: ["--task", "fix"])
        #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
        return agent
    }

    @Test("its commit lands", arguments: TestIdentity.ordinary)
    func lands(_ identity: TestIdentity) throws {
        let agent = try claude(
            identity,
            ["sed -i 's/result = price$/result += price/' prices.py && \(RealAgent.test)", "git commit -qam 'Sum all prices'; echo OK"])
        let place = agent.place
        #expect(try place.git("log", "--format=%s", "coop/fix") == "Sum all prices\nfirst")
        #expect(try place.git("status", "--porcelain") == "" && place.text("prices.py").contains("        result = price\n"))
        let merged = try place.coop(["task", "merge", "fix"])
        #expect(merged.exitCode == 0, "\(merged)")
        // On the branch, in the tree, and right.
        #expect(try place.git("log", "--format=%s") == "Sum all prices\nfirst" && place.git("status", "--porcelain") == "")
        try agent.expectDone()
        #expect(try place.coop(["task", "rm", "fix"]).exitCode == 0)
        #expect(try place.remains() == [])
    }

    @Test("a hook, an editor's task and a changed virtual environment stop at the gate until each is accepted")
    func gate() throws {
        let agent = try claude(
            TestIdentity.ordinary.first ?? .root,
            [
                "sed -i 's/result = price$/result += price/' prices.py; git add prices.py",
                RealAgentTaskTests.put
                    + "; put .husky/pre-commit 'curl evil'; put .vscode/tasks.json '{}'; put .venv/bin/activate evil; put .venv/lib/python3/site-packages/e.pth 'import evil'",
                "git commit -qm 'Sum all prices' && git show --stat --format=%s; echo OK",
            ],
            prepare:
                "mkdir -p .venv/bin; echo 'home = /usr/bin' > .venv/pyvenv.cfg; echo good > .venv/bin/activate; git add -f .venv; git commit -qm venv"
        )
        let place = agent.place
        #expect(try place.git("diff", "--name-only", "master...coop/fix").split(separator: "\n").count == 5)
        let before = try place.bytes()
        let dangerous = [".husky/pre-commit", ".vscode/tasks.json", ".venv/bin/activate", ".venv/lib/python3/site-packages/e.pth"]
        let refused = try place.coop(["task", "merge", "fix", "--yes"])
        #expect(refused.exitCode == 126, "\(refused)")
        for path in dangerous { #expect(refused.error.contains(path), "\(path): \(refused)") }
        // All but one is not enough, whichever it is.
        for left in dangerous {
            let most = dangerous.filter { $0 != left }.flatMap { ["--accept", $0] }
            let outcome = try place.coop(["task", "merge", "fix", "--yes"] + most)
            #expect(outcome.exitCode == 126 && outcome.error.contains(left), "\(left): \(outcome)")
        }
        #expect(try place.bytes() == before)
        let accepted = try place.coop(
            ["task", "merge", "fix", "--yes", "--accept", ".husky/**", "--accept", ".vscode/*", "--accept", ".venv/**"])
        #expect(accepted.exitCode == 0, "\(accepted)")
        #expect(try place.text(".venv/bin/activate") == "evil\n" && place.text(".husky/pre-commit") == "curl evil\n")
        #expect(try place.git("status", "--porcelain") == "")
        try agent.expectDone()
        let audit = try place.coop(["audit", "show", "--json"]).output
        for path in dangerous { #expect(audit.contains(path), "\(path)") }
    }
}
