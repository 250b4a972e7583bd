import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What was accepted is what lands, and nothing else: the contents that were looked at, at the paths that were meant.
@Suite struct LandingConsentTests {
    private static let anyone = TestIdentity.ordinary.first ?? .root
    private static let screen = ChildProcess.Input.terminal(rows: 50, columns: 200)
    private static let options = ["--workspace", "overlay", "--network", "none"]

    private func session(
        _ script: String, as identity: TestIdentity = anyone, _ prepare: (Sandboxed) throws -> Void = { _ in }
    ) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("src/main.c", "int main;\n")
        try prepare(place)
        let outcome = try place.shell(script, options: LandingConsentTests.options)
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return place
    }

    private func digest(of text: String, _ place: Sandboxed) throws -> String {
        let outcome = try place.outside(["/bin/sh", "-c", "printf %s \"$1\" | sha256sum", "sh", text])
        return String(outcome.output.prefix(64))
    }

    private func log(_ place: Sandboxed) throws -> String { try place.coop(["audit", "show", "--type", "landing"]).output }

    @Test("each decision is recorded with what tells the contents from any other")
    func digests() throws {
        let place = try session("echo 'a:' > Makefile; ln -s /etc/passwd data; rm -r .claude") {
            try $0.write(".claude/settings.json", "{}")
        }
        #expect(try place.coop(["apply", "--yes"]).exitCode == 126)
        let made = try digest(of: "a:\n", place)
        let link = try digest(of: "/etc/passwd", place)
        for (path, digest) in [("Makefile", made), ("data", link), (".claude/settings.json", "removed")] {
            #expect(
                try log(place).split(separator: "\n").contains {
                    $0.contains("path=\(path) ") && $0.contains("decision=refused by=nobody sha256=\(digest)")
                }, "\(path)")
        }
        #expect(try place.coop(["apply", "--yes", "--accept", "**"]).exitCode == 0)
        #expect(
            try log(place).split(separator: "\n").contains {
                $0.contains("path=Makefile ") && $0.contains("decision=accepted by=--accept sha256=\(made)")
            })
        // Of many that are one question, one line for each of them together.
        _ = try place.shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i > $i.mk; done", options: LandingConsentTests.options)
        #expect(try place.coop(["apply", "--yes", "--accept", "/*.mk"]).exitCode == 0)
        let all = try place.outside(["/bin/sh", "-c", "sha256sum ?.mk | LC_ALL=C sort -k2 | sha256sum"]).output.prefix(64)
        #expect(
            try log(place).split(separator: "\n").contains {
                $0.contains("path=/*.mk paths=9 ") && $0.contains("decision=accepted by=--accept sha256=\(all)")
            })
    }

    @Test("what the session does while the question stands does not land, and is asked about itself")
    func changedMeanwhile() throws {
        let place = try Sandboxed(LandingConsentTests.anyone)
        let script = "echo 'first:' > Makefile; touch ready; sleep 1000"
        let started = try place.coop(["run", "-d", "--name", "work"] + LandingConsentTests.options + ["--", "/bin/sh", "-c", script])
        #expect(started.exitCode == 0, "\(started)")
        try Deadline.poll(seconds: 60) { try place.coop(["apply", "--dry-run", "work"]).output.contains("A ready") }
        let child = try place.start(["apply", "--yes", "work"], input: LandingConsentTests.screen)
        #expect(try child.waitForOutput("[q]uit "), "\(child.outputText)")
        let second = try place.coop(["exec", "work", "--", "/bin/sh", "-c", "echo 'second:' > Makefile; rm ready; ln -s /etc ready"])
        #expect(second.exitCode == 0, "\(second)")
        try child.send("d\r")
        #expect(try child.waitForOutput("+first:"), "\(child.outputText)")
        try child.send("y\r")
        let outcome = try child.wait()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.text("Makefile") == "first:\n" && FileSystem.kind(place("ready"), followLinks: false) == .file)
        let first = try digest(of: "first:\n", place)
        #expect(
            try log(place).split(separator: "\n").contains {
                $0.contains("path=Makefile ") && $0.contains("decision=accepted by=terminal sha256=\(first)")
            })
        // The consent was for that alone.
        let again = try place.coop(["apply", "--yes", "work"])
        #expect(again.exitCode == 126 && again.error.contains("Makefile") && again.error.contains("ready"), "\(again)")
        // And the user's own edit in that time is not lost.
        let third = try place.start(["apply", "--yes", "work", "Makefile"], input: LandingConsentTests.screen)
        #expect(try third.waitForOutput("[q]uit "), "\(third.outputText)")
        try place.write("Makefile", "mine:\n")
        try third.send("y\r")
        let refused = try third.wait()
        #expect(refused.exitCode == 1 && refused.output.contains("Makefile: it has changed meanwhile"), "\(refused)")
        #expect(try place.text("Makefile") == "mine:\n")
        #expect(try place.coop(["stop", "work"]).exitCode == 0)
    }

    @Test("a name that looks like a pattern is accepted by itself alone")
    func patterns() throws {
        let place = try session("mkdir '**'; echo x > '**/.envrc'; echo y > '*.mk'; echo z > 'q\\?.mk'")
        let refused = try place.coop(["apply", "--yes", place.project + "/**"])
        #expect(refused.exitCode == 126 && refused.error.contains("--accept '/\\*\\*/.envrc'"), "\(refused)")
        _ = try place.shell("echo w > .envrc; echo v > a.mk; echo u > 'qx.mk'", options: LandingConsentTests.options)
        // The second session works on the tree, which has none of the first.
        let first = try place.coop(["apply", "--yes", "--accept", "/\\*\\*/.envrc", "--accept", "/\\*.mk", "--accept", "/q\\\\\\?.mk"])
        #expect(first.exitCode == 126, "\(first)")
        for name in [".envrc (new)", "a.mk (new)", "qx.mk (new)"] { #expect(first.error.contains("  " + name), "\(name): \(first)") }
        #expect(try place.coop(["discard", "--yes"]).exitCode == 0)
        let second = try place.coop(["apply", "--yes", "--accept", "/\\*\\*/.envrc", "--accept", "/\\*.mk", "--accept", "/q\\\\\\?.mk"])
        #expect(second.exitCode == 0, "\(second)")
    }

    @Test("a content that cannot be read does not land unasked")
    func unreadable() throws {
        let place = try session("echo 'ref: refs/heads/x' > HEAD; chmod 000 HEAD; echo x > plain.txt; chmod 000 plain.txt")
        let before = try place.outside(["/bin/ls", "-la"]).output
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 126 || outcome.exitCode == 1, "\(outcome)")
        #expect(outcome.error.contains("could not be read") || outcome.error.contains("Permission denied"), "\(outcome)")
        #expect(try place.outside(["/bin/ls", "-la"]).output == before)
    }

    @Test("a directory that is moved to a name that is obeyed counts with all that is in it", arguments: TestIdentity.all)
    func movedDirectories(_ identity: TestIdentity) throws {
        let place = try session("mv notes .vscode; mkdir -p x; mv hooks x/.githooks", as: identity) {
            try $0.write("notes/tasks.json", "{}")
            try $0.write("hooks/pre-commit", "#!/bin/sh\n")
        }
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 126, "\(outcome)")
        for path in [".vscode/tasks.json", "x/.githooks/pre-commit"] { #expect(outcome.error.contains("  \(path) (new)"), "\(outcome)") }
    }

    @Test("half a repository is not made a whole one")
    func repositories() throws {
        let place = try session(
            "cd fix/a.git; mkdir refs objects; touch refs/x objects/x; printf '[core]\\n\\tfsmonitor=touch pwned\\n' > config"
        ) {
            try $0.write("fix/a.git/HEAD", "ref: refs/heads/main\n")
        }
        let outcome = try place.coop(["apply", "--yes"])
        #expect(outcome.exitCode == 126 && outcome.error.contains("git takes fix/a.git for a repository"), "\(outcome)")
    }

    @Test("a document called agents.md is asked about where an agent follows it")
    func documents() throws {
        let place = try session("mkdir docs; echo '# Agents' > docs/agents.md")
        try place.makeDirectory(".windsurf")
        let asked = try place.coop(["apply", "--yes"])
        #expect(asked.exitCode == 126 && asked.error.contains("Windsurf follows it"), "\(asked)")
        try FileSystem.removeTree(place(".windsurf"))
        let landed = try place.coop(["apply", "--yes"])
        #expect(landed.exitCode == 0, "\(landed)")
    }

    @Test("names cannot hide, turn round or colour what is printed about them")
    func names() throws {
        let names = ["a\u{200B}b", "a\u{202E}b", "a\u{1B}[31mb", "a\u{9B}b", "\u{2066}b", "m\u{200D}", "a\u{200E}b", "x\u{FEFF}"]
        let place = try session(
            names.map { "printf x > \($0.replacing("\u{1B}", with: "$(printf '\\033')").replacing("[31m", with: "'[31m'"))" }.joined(
                separator: "\n"))
        func expectPlain(_ outcome: ChildProcess.Outcome, _ code: Int32) {
            #expect(outcome.exitCode == code, "\(outcome)")
            let hidden = (outcome.output + outcome.error).unicodeScalars.contains { scalar in
                (scalar.value < 0x20 && scalar != "\n") || (0x7F...0x9F).contains(scalar.value)
                    || scalar.properties.generalCategory == .format
            }
            #expect(!hidden, "\((outcome.output + outcome.error).debugDescription)")
            #expect((outcome.output + outcome.error).contains("a\\u{200b}b"), "\(outcome)")
        }
        expectPlain(try place.coop(["apply", "--yes"]), 126)
        expectPlain(try place.coop(["apply", "--dry-run"]), 0)
        expectPlain(try place.coop(["apply", "--yes", "--accept", "**"]), 0)
        expectPlain(try place.coop(["undo"]), 0)
        expectPlain(try place.coop(["discard"]), 126)
        for name in names { try place.write(name, "mine\n") }
        expectPlain(try place.coop(["apply", "--yes"]), 1)
    }

    @Test("a damaged record is named, and no older landing is taken back in its place")
    func damagedRecord() throws {
        let place = try session("echo a > a.txt; echo b > b.txt")
        #expect(try place.coop(["apply", "--yes", "a.txt"]).exitCode == 0)
        #expect(try place.coop(["apply", "--yes", "b.txt"]).exitCode == 0)
        let done = place.coopHome + "/state/landing/done"
        let tree = try #require(try FileSystem.list(done).first)
        let latest = try #require(try FileSystem.list("\(done)/\(tree)").max())
        try FileSystem.replace("\(done)/\(tree)/\(latest)/journal", with: "x".utf8)
        try place.give("\(done)/\(tree)/\(latest)/journal")
        let refused = try place.coop(["undo"])
        #expect(refused.exitCode == 1 && refused.error.contains("Next: rm -r ") && refused.error.contains(latest), "\(refused)")
        #expect(place.exists("a.txt") && place.exists("b.txt"))
        try FileSystem.removeTree("\(done)/\(tree)/\(latest)")
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(!place.exists("a.txt") && place.exists("b.txt"))
    }

    @Test("what is not found is named, with where to look")
    func notFound() throws {
        let place = try session("echo a > a.txt; mkdir new; echo n > new/n.txt")
        func error(_ words: String...) throws -> String {
            let outcome = try place.coop(words)
            #expect(outcome.exitCode == 1, "\(outcome)")
            return outcome.error
        }
        #expect(try error("apply", "nope").contains("there is neither a session nor a change `nope`"))
        #expect(try error("apply", "nope", "a.txt").contains("there is neither a session nor a change `nope`"))
        let path = try error("discard", "src/nope")
        #expect(path.contains("nothing has changed at src/nope") && path.contains("coop diff --name-only "), "\(path)")
        // What only the session has is a path.
        #expect(try place.coop(["apply", "--dry-run", "new"]).output == "A new\nA new/n.txt\n")
        #expect(try error("undo", "nope").contains("cannot undo `nope`: it is no session, and no apply of one by that id is kept in "))
        #expect(try place.coop(["apply", "--yes", "a.txt"]).exitCode == 0)
        let id = try #require(try place.coop(["ps", "-a"]).output.split(separator: "\n").last?.split(separator: " ").first)
        #expect(try error("undo", "nope").contains("Next: coop undo \(id)"))
        #expect(try error("undo", "--redo", String(id)).contains("there is nothing of the session \(id) to redo"))
    }
}
