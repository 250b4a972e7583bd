import FoundationEssentials
import LinuxKernel
import TestSupport
import Testing

/// What `coop diff` shows of a session's overlay.
@Suite struct DiffTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root

    private struct Report: Decodable {
        struct File: Decodable {
            struct Finding: Decodable { var rule: String }
            var path: String
            var action: String
            var origin: String?
            var isBinary: Bool
            var insertions: Int
            var diff: String
            var landing: [Finding]
        }
        var version: Int
        var session: String
        var files: [File]
        var insertions: Int
        var deletions: Int
    }

    private func project(_ identity: TestIdentity) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("text", (1...20).map { "line \($0)\n" }.joined())
        try place.write("gone", "to be removed\n")
        try place.write("old name", "this text is moved\nas it is\n")
        try place.write("script", "echo\n")
        try place.write("same", "same\n")
        return place
    }

    private static let work = """
        sed -i 's/line 7/line seven/' text; rm gone; mv 'old name' 'new name'; chmod 755 script; touch same
        mkdir -p deep/er; printf 'no end' > deep/er/file; printf 'a\\000b' > binary; ln -s text link
        """

    @Test("outside of a terminal it is a patch that git takes, and the tree is as it was", arguments: TestIdentity.all)
    func patch(_ identity: TestIdentity) throws {
        let place = try project(identity)
        try place.shell(DiffTests.work, options: ["--workspace", "overlay", "--network", "none"]).expect(0)
        let outcome = try place.coop(["diff"])
        outcome.expect(0)
        #expect(outcome.output.contains("-line 7\n+line seven\n") && !outcome.output.contains("\u{1B}"), "\(outcome)")
        #expect(outcome.output.contains("rename from old name\nrename to new name\n"), "\(outcome)")
        #expect(outcome.output.contains("Binary files /dev/null and b/binary differ\n") && !outcome.output.contains("same"), "\(outcome)")
        #expect(try place.text("gone") == "to be removed\n" && !place.exists("new name") && place.text("text").contains("line 7\n"))
        // Without the binary file, which the format cannot carry.
        let parts = outcome.output.split(separator: "diff --git ").filter { !$0.hasPrefix("a/binary") }
        let patch = parts.map { $0.hasPrefix("a/") ? "diff --git " + $0 : String($0) }.joined()
        let applied = try place.outside(["git", "apply", "--unsafe-paths"], input: .bytes(Array(patch.utf8)))
        #expect(applied.exitCode == 0, "\(applied)")
        #expect(try place.text("text").contains("line seven\n") && place.text("new name") == "this text is moved\nas it is\n")
        #expect(try !place.exists("gone") && !place.exists("old name") && place.text("deep/er/file") == "no end")
        #expect(FileSystem.readLink(place("link")) == "text")
        #expect(FileSystem.isExecutable(place("script")))
    }

    @Test("paths, context, statistics, names, JSON")
    func forms() throws {
        let place = try project(DiffTests.anyone)
        try place.shell(
            DiffTests.work + "\nmkdir .vscode; echo '{}' > .vscode/tasks.json",
            options: ["--workspace", "overlay", "--network", "none", "--name", "work"]
        ).expect(0)
        let names = try place.coop(["diff", "--name-only"])
        #expect(names.exitCode == 0, "\(names)")
        let found = Set(names.output.split(separator: "\n").map(String.init))
        #expect(
            found.isSuperset(of: ["text", "gone", "new name", "script", "deep/er/file", "binary", "link", ".vscode/tasks.json"]), "\(names)"
        )
        #expect(!found.contains("old name") && !found.contains("same") && !found.contains("deep"), "\(names)")
        let stat = try place.coop(["diff", "work", "--stat", "text", "deep"])
        #expect(stat.output.contains(" text         | 2 +-\n") && stat.output.contains(" 2 insertions(+), 1 deletion(-)\n"), "\(stat)")
        #expect(!stat.output.contains("gone"), "\(stat)")
        let narrow = try place.coop(["diff", "-U", "0", "text"])
        #expect(narrow.output.contains("@@ -7 +7 @@") && !narrow.output.contains("\n line 6\n"), "\(narrow)")
        let below = try place.coop(["diff", "er"], directory: FileSystem.join(place.project, "deep"))
        #expect(below.exitCode != 0, "the host has no such directory, and no session is called that: \(below)")
        let report = try JSONDecoder().decode(Report.self, from: Data(try place.coop(["diff", "--json"]).outputBytes))
        #expect(report.version == 1 && report.insertions >= 3 && report.deletions == 2)
        let files = Dictionary(report.files.map { ($0.path, $0) }) { first, _ in first }
        #expect(files["new name"]?.action == "moved" && files["new name"]?.origin == "old name")
        #expect(files["gone"]?.action == "removed" && files["text"]?.action == "changed" && files["binary"]?.isBinary == true)
        #expect(files[".vscode/tasks.json"]?.landing.map(\.rule) == [".vscode/"] && files["text"]?.landing.isEmpty == true)
        for wrong in [["--stat", "--json"], ["-U", "x"], ["-U", "-1"]] {
            #expect(try place.coop(["diff"] + wrong).exitCode == 2, "\(wrong)")
        }
        let nowhere = try place.coop(["diff", "work", "same"])
        #expect(nowhere.exitCode == 1 && nowhere.error.contains("nothing has changed at same"), "\(nowhere)")
        #expect(try place.coop(["diff", "no-such"]).exitCode == 1)
    }

    @Test("at a terminal: colours, the user's pager and never a repository's, nothing that a terminal would obey")
    func terminal() throws {
        let place = try project(DiffTests.anyone)
        try place.makeRepository()
        _ = try place.git("config", "core.pager", "touch pwned; cat")
        _ = try place.git("config", "pager.diff", "touch pwned; cat")
        _ = try place.git("config", "diff.external", "touch pwned; cat")
        try place.shell(
            "printf 'a\\033]0;title\\007b\\tc\\n' > evil; echo x > \"$(printf 'n\\033[2Jm')\"",
            options: ["--workspace", "overlay", "--network", "none"]
        ).expect(0)
        let screen = ChildProcess.Input.terminal(rows: 24, columns: 100)
        let plain = try place.coop(["diff"], environment: ["COOP_PAGER": "", "TERM": "xterm"], input: screen).output
        #expect(plain.contains("\u{1B}[32m+a\\x1b]0;title\\x07b\tc\u{1B}[0m"), "\(plain.debugDescription)")
        #expect(
            !plain.contains("\u{1B}]") && !plain.contains("\u{1B}[2J") && plain.contains("\"b/n\\033[2Jm\""), "\(plain.debugDescription)")
        let paged = try place.coop(
            ["diff"], environment: ["COOP_PAGER": "sed s/^/P:/", "PAGER": "touch pwned", "TERM": "xterm"], input: screen
        ).output
        #expect(paged.contains("P:\u{1B}[1mdiff --git a/evil b/evil"), "\(paged.debugDescription)")
        let chosen = try place.coop(
            ["diff"], environment: ["GIT_PAGER": "sed s/^/G:/", "PAGER": "touch pwned", "NO_COLOR": "1"], input: screen
        ).output
        #expect(chosen.contains("G:diff --git a/evil b/evil"), "\(chosen.debugDescription)")
        #expect(!place.exists("pwned"))
        // A pager that has seen enough.
        let short = try place.coop(["diff"], environment: ["COOP_PAGER": "head -1", "TERM": "xterm"], input: screen)
        #expect(short.exitCode == 0 && short.output.contains("diff --git"), "\(short)")
    }

    @Test("changes that cannot be looked at are not taken for none", .enabled(if: !TestIdentity.ordinary.isEmpty))
    func unreadable() throws {
        let place = try project(DiffTests.anyone)
        try place.shell(DiffTests.work, options: ["--workspace", "overlay", "--network", "none", "--name", "work"]).expect(0)
        let directory = try place.hostShell("echo \"$COOP_HOME\"/projects/*/sessions/*/overlay/base").output.split(separator: "\n")[0]
        #expect(try place.hostShell("chmod 0 \(directory)").exitCode == 0)
        // `deep` is in the overlay alone; it could also be meant as a session.
        let commands = [
            ["diff"], ["diff", "work"], ["diff", "deep"], ["rm", "work"], ["prune", "--older-than", "0s"],
            ["project", "rm", "--yes", place.project],
        ]
        for command in commands {
            let outcome = try place.coop(command)
            #expect(outcome.exitCode == 1 && outcome.error.contains("cannot look at the changes"), "\(command): \(outcome)")
        }
        #expect(try place.hostShell("chmod 700 \(directory)").exitCode == 0)
        try place.coop(["diff", "deep"]).expect(0)
    }

    @Test("it can be seen while the session runs")
    func live() throws {
        let place = try project(DiffTests.anyone)
        let session = try place.start(
            [
                "run", "--workspace", "overlay", "--network", "none", "--", "/bin/sh", "-c",
                "echo first > a; echo ready; read line; echo second >> a",
            ], input: .pipe)
        #expect(try session.waitForOutput("ready"))
        let before = try place.coop(["diff"])
        #expect(before.exitCode == 0 && before.output.contains("+first\n") && !before.output.contains("+second"), "\(before)")
        try session.send("go\n")
        #expect(try session.wait().exitCode == 0)
        let after = try place.coop(["diff"])
        #expect(after.output.contains("+first\n+second\n"), "\(after)")
    }
}

extension ChildProcess.Outcome {
    fileprivate func expect(_ code: Int32, location: SourceLocation = #_sourceLocation) {
        #expect(exitCode == code, "\(self)", sourceLocation: location)
    }
}
