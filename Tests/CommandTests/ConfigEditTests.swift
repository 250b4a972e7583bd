import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct ConfigEditTests {
    private static let original = "# mine\nname = \"x\"   # its name\n"

    /// A place with a coop.toml and an editor that is a script: `$1` is the file.
    private func place(_ script: String, text: String? = original) throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        if let text { try place.write("coop.toml", text, mode: 0o640) }
        let editor = place.home + "/my editor"
        try place.write(editor, "#!/bin/sh\nset -e\n" + script + "\n", mode: 0o755)
        place.environment["EDITOR"] = "'\(editor)' --wait"
        return place
    }

    private func leftovers(_ place: Sandboxed) throws -> [String] {
        try FileSystem.list(place.coopHome + "/state").filter { $0.hasPrefix("edit.") || $0.hasSuffix(".tmp") }
    }

    @Test("the editor gets a private copy, alone in a directory, and what it saves takes the file's place")
    func saves() throws {
        let place = try place("stat -c '%a %n' . coop.toml *; pwd; echo 'agent = \"claude\"' >> \"$2\"")
        let outcome = try place.coop(["config", "edit"])
        outcome.expectSuccess()
        #expect(outcome.output.hasPrefix("700 .\n600 coop.toml\n600 coop.toml\n\(place.coopHome)/state/edit."), "\(outcome)")
        #expect(try place.text("coop.toml") == ConfigEditTests.original + "agent = \"claude\"\n")
        #expect(try FileSystem.status(place("coop.toml")).map { $0.st_mode & 0o777 } == 0o640)
        #expect(try leftovers(place) == [])
    }

    @Test("each file by its own option, VISUAL before EDITOR, and JSON")
    func files() throws {
        let place = try place("exit 9", text: nil)
        try place.write(place.home + "/v", "#!/bin/sh\nprintf '[sandbox]\\npids = 5\\n' >> \"$1\"\n", mode: 0o755)
        place.environment["VISUAL"] = place.home + "/v"
        #expect(try place.coop(["config", "edit", "--user", "--json"]).output.contains("\"changed\" : true"))
        try place.coop(["config", "edit", "--local"]).expectSuccess()
        try place.coop(["config", "edit"]).expectSuccess()
        #expect(try String(osBytes: FileSystem.read(place.coopHome + "/config.toml")) == "[sandbox]\npids = 5\n")
        #expect(try place.text("coop.local.toml") == "[sandbox]\npids = 5\n")
        #expect(try place.text("coop.toml") == "name = \"project\"\n[sandbox]\npids = 5\n")
        place.environment["VISUAL"] = "true"
        #expect(try place.coop(["config", "edit"]).output == "Nothing was changed.\n")
        #expect(try place.coop(["config", "edit", "--json"]).output.contains("\"changed\" : false"))
    }

    @Test("what is wrong is named with its place, never saved, and not lost")
    func wrong() throws {
        let place = try place("printf '[sandbox]\\nmemory = true\\nmemry = 1\\n' >> \"$2\"")
        let outcome = try place.coop(["config", "edit"])
        #expect(outcome.exitCode == 3)
        for part in [
            "coop.toml:4:10: `sandbox.memory` must be a size", "coop.toml:5:1: unknown key `sandbox.memry`; did you mean `sandbox.memory`?",
            "coop: coop.toml was not changed: the new text is wrong; it is kept in \(place.coopHome)/state/rejected-coop.toml",
            "Next: coop config edit",
        ] { #expect(outcome.error.contains(part), "\(outcome)") }
        #expect(try place.text("coop.toml") == ConfigEditTests.original)
        #expect(try String(osBytes: FileSystem.read(place.coopHome + "/state/rejected-coop.toml")).hasSuffix("memry = 1\n"))
        #expect(try leftovers(place) == [])
    }

    @Test("at a terminal one can go back to mend it")
    func again() throws {
        let place = try place(
            "if grep -q wrong \"$2\"; then sed -i 's/wrong = 1/agent = \"codex\"/' \"$2\"; else echo 'wrong = 1' >> \"$2\"; fi")
        let coop = try place.start(["config", "edit"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("Nothing is saved yet. Edit again? [Y/n]"))
        #expect(coop.outputText.contains("coop.toml:3:1: unknown key `wrong`"))
        try coop.send("\n")
        try coop.wait().expectSuccess()
        #expect(try place.text("coop.toml") == ConfigEditTests.original + "agent = \"codex\"\n")
        // And one can give up.
        try place.write("coop.toml", ConfigEditTests.original)
        let second = try place.start(["config", "edit"], input: .terminal(rows: 24, columns: 200))
        #expect(try second.waitForOutput("[Y/n]"))
        try second.send("n\n")
        #expect(try second.wait().exitCode == 3)
        #expect(try place.text("coop.toml") == ConfigEditTests.original)
    }

    @Test("a file that somebody else changes meanwhile keeps their text")
    func meanwhile() throws {
        let place = try place("echo 'agent = \"claude\"' >> \"$2\"; echo '# theirs' >> \"$FILE\"")
        place.environment["FILE"] = place("coop.toml")
        let outcome = try place.coop(["config", "edit"])
        outcome.expectError(1, "another program has just changed it; your text is kept in", next: "coop config edit")
        #expect(try place.text("coop.toml") == ConfigEditTests.original + "# theirs\n")
        #expect(try String(osBytes: FileSystem.read(place.coopHome + "/state/rejected-coop.toml")).hasSuffix("agent = \"claude\"\n"))
    }

    @Test("an editor that fails, is missing or removes the file changes nothing")
    func fails() throws {
        let place = try place("rm \"$2\"")
        try place.coop(["config", "edit"]).expectError(1, "the editor left no file")
        place.environment["EDITOR"] = "/nope/editor"
        let missing = try place.coop(["config", "edit"])
        #expect(missing.exitCode == 4 && missing.error.hasSuffix("there is no editor `/nope/editor`\nNext: export EDITOR=PROGRAM\n"))
        place.environment["EDITOR"] = "false"
        try place.coop(["config", "edit"]).expectError(1, "ended with 1")
        #expect(try place.text("coop.toml") == ConfigEditTests.original)
        #expect(try leftovers(place) == [])
    }

    @Test("without a terminal and without an editor of the user's nothing is started")
    func noTerminal() throws {
        let place = try place("exit 0")
        place.environment["EDITOR"] = nil
        let outcome = try place.coop(["config", "edit"])
        #expect(
            outcome.exitCode == 126 && outcome.output.isEmpty && outcome.error.contains("there is no terminal for an editor"), "\(outcome)")
        #expect(try leftovers(place) == [])
    }

    @Test("the copy of an edit that was killed goes with the next one")
    func killed() throws {
        let place = try place("echo started; exec sleep 60")
        let coop = try place.start(["config", "edit"])
        #expect(try coop.waitForOutput("started"))
        #expect(try leftovers(place).count == 1)
        coop.signal(SIGKILL)
        _ = try coop.wait()
        place.environment["EDITOR"] = "true"
        try place.coop(["config", "edit"]).expectSuccess()
        #expect(try leftovers(place) == [])
    }

    @Test("a broken file can be mended, and a repository's link that leads outside is not followed")
    func broken() throws {
        let place = try place("echo 'name = \"y\"' > \"$2\"", text: "name = [\n")
        try place.coop(["config", "edit"]).expectSuccess()
        #expect(try place.text("coop.toml") == "name = \"y\"\n")
        try FileSystem.removeFile(place("coop.toml"))
        let outside = place.root + "/outside.toml"
        try place.write(outside, "name = \"z\"\n")
        try place.link("coop.toml", to: outside)
        try place.coop(["config", "edit"]).expectError(3, "outside the project")
        #expect(try place.text(outside) == "name = \"z\"\n")
    }
}
