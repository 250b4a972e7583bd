import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct ConfigImportTests {
    private static let directory = FileSystem.normalize(#filePath + "/../Imports")

    /// Files as the tools' own documentation describes them, and where each lies.
    private static let projectFiles = [
        "pillbox.toml": "pillbox.toml", "abox-project.toml": ".abox/project.toml", "sbx.toml": ".sbx/config.toml",
        "sbox.yaml": ".sbox/config.yaml", "sandbox-manifest.yml": ".sandbox.yml",
    ]
    private static let userFiles = [
        "abox-policy.toml": ".abox/policies/default.toml", "sbx.toml": ".config/sbx/config.toml",
        "sbx-flavor.toml": ".config/sbx/flavors/nvim/config.toml", "sbx-env": ".config/sbx/env", "sandbox.yaml": ".sandbox/config.yaml",
    ]
    private static let secrets = [
        "ghp_0123456789abcdefghijklmnop", "hunter2hunter2", "abcdefghijklmnop", "sk-live-0123456789abcdef", "=dark",
    ]

    private static func text(_ name: String) throws -> String { String(osBytes: try FileSystem.read(directory + "/" + name)) }

    private func place(_ files: [String]) throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        for (name, path) in ConfigImportTests.projectFiles where files.contains(name) {
            try place.write(path, try ConfigImportTests.text(name))
        }
        for (name, path) in ConfigImportTests.userFiles where files.contains(name) && ConfigImportTests.projectFiles[name] == nil {
            try place.write(place.home + "/" + path, try ConfigImportTests.text(name))
        }
        return place
    }

    private func plain(_ text: String, _ place: Sandboxed) -> String { text.replacing(place.root, with: "ROOT") }

    @Test("each tool's file, key by key, and what is written", arguments: (Array(projectFiles.keys) + Array(userFiles.keys)).sorted())
    func tool(_ name: String) throws {
        let place = try place([name])
        let before = try place.snapshot()
        let shown = try place.coop(["config", "import"])
        shown.expectSuccess()
        #expect(
            try place.snapshot() == before && FileSystem.kind(place.coopHome + "/config.toml") == nil, "nothing is written without --yes")
        try place.coop(["config", "import", "--yes"]).expectSuccess()
        let written = try ["coop.toml", place.coopHome + "/config.toml"].filter { place.exists($0) }.map {
            "--- \(FileSystem.lastComponent(of: $0))\n" + (try place.text($0))
        }.joined()
        for secret in ConfigImportTests.secrets { #expect(!shown.output.contains(secret) && !written.contains(secret), "\(secret)") }
        #expect(try Golden.difference(plain(shown.output + written, place), "import-" + name + ".txt") == nil)
        try place.coop(["config", "validate"]).expectSuccess()
        // Once more, there is nothing left to do.
        let again = try place.coop(["config", "import", "--json"])
        #expect(!again.output.contains("\"outcome\" : \"added\"") && !again.output.contains("\"outcome\" : \"conflict\""), "\(again)")
    }

    @Test("what coop.toml says stays, with its comments; the rest is added, and the difference is named")
    func conflicts() throws {
        let place = try place(["pillbox.toml", "abox-project.toml"])
        try place.write("coop.toml", "# ours\nname = \"shop\" # kept\n[network]\nallow = [\n  \"api.example.com\", # known\n]\n")
        let outcome = try place.coop(["config", "import", "--yes"])
        outcome.expectSuccess()
        #expect(outcome.output.contains("conflict: name = \"billing\"   (coop.toml): the file has another value, which stays: \"shop\""))
        #expect(outcome.output.contains("present: network.allow += \"api.example.com\""))
        let text = try place.text("coop.toml")
        #expect(text.hasPrefix("# ours\nname = \"shop\" # kept\n"))
        #expect(
            text.contains(
                "[network]\nallow = [\n  \"api.example.com\", # known\n]\nmode = \"scoped\"\nbundles = [\"npm\", \"pypi\", \"crates\"]\n"),
            "\(text)")
    }

    @Test("files by name, into the file that is chosen; JSON says the same")
    func named() throws {
        struct Report: Decodable {
            struct Key: Decodable {
                var place: String
                var key: String
                var outcome: String
                var target: String?
                var setting: String?
                var reason: String?
                var next: String?
            }
            var version: Int
            var written: [String]
            var keys: [Key]
        }
        let place = try place(["pillbox.toml", "sbox.yaml"])
        let report = try place.coop(["config", "import", "--local", "--yes", "--json", ".sbox/config.yaml"]).json(Report.self)
        #expect(report.version == 1 && report.written == [place("coop.local.toml")])
        #expect(report.keys.allSatisfy { $0.place.hasPrefix(".sbox/config.yaml:") && !$0.key.isEmpty })
        let token = try #require(report.keys.first { $0.key == "env.DEPLOY" })
        #expect(token.outcome == "secret" && token.setting == nil && token.next == "coop secret add DEPLOY")
        #expect(!place.exists("coop.toml") && place.exists("coop.local.toml"))
        try place.coop(["config", "import", "--user", "--yes", "pillbox.toml"]).expectSuccess()
        #expect(try place.text(place.coopHome + "/config.toml").contains("agent = \"claude\""))
    }

    static let hostile: [(name: String, text: String, message: String)] = [
        ("pillbox.toml", "name = \n", "pillbox.toml:1:8: "), (".sbox/config.yaml", "env:\n  A: &x 1\n", ".sbox/config.yaml:2:6: anchors"),
        (".sbox/config.yaml", "env: *x\n", "aliases are not read"), (".sbox/config.yaml", "a: 1\na: 2\n", ":2:1: `a` is there twice"),
        (".sbox/config.yaml", "a: [1, 2\n", "did not find expected"),
        (".sbox/config.yaml", "a: !!python/object:x {}\n", "tags are not read"),
        (".sbox/config.yaml", "--- 1\n--- 2\n", "more than one document"),
        (".sbox/config.yaml", String(repeating: "[", count: 100), "nested too deeply"),
        (".sbox/config.yaml", "a: \u{7}\n", ".sbox/config.yaml:"),
        (".sbox/config.yaml", "? [a]\n: 1\n", "a key must be plain text"),
    ]

    @Test("a file that is not what it should be is an error with its place, and writes nothing", arguments: hostile.indices)
    func broken(_ index: Int) throws {
        let (name, text, message) = ConfigImportTests.hostile[index]
        let place = try Sandboxed(anyone)
        try place.write(name, text)
        try place.coop(["config", "import", "--yes"]).expectError(3, "cannot read \(name)", message)
        #expect(!place.exists("coop.toml"))
    }

    @Test("a repository's file that leads elsewhere, or is none, is not read")
    func links() throws {
        let place = try Sandboxed(anyone)
        try place.write(place.home + "/secret", "name = \"x\"\n")
        try place.link("pillbox.toml", to: place.home + "/secret")
        try place.coop(["config", "import"]).expectError(3, "outside the project")
        try FileSystem.removeFile(place("pillbox.toml"))
        try check("mkfifo") { mkfifo(place("pillbox.toml"), 0o644) }
        try place.coop(["config", "import", "pillbox.toml"]).expectError(3, "it is not a regular file")
        try FileSystem.removeFile(place("pillbox.toml"))
        try place.coop(["config", "import"]).expectError(1, "there is nothing to import")
        try place.coop(["config", "import", "nope.toml"]).expectError(1, "there is no such file")
        try place.write("other.toml", "")
        try place.coop(["config", "import", "other.toml"]).expectError(2, "its name is of none of these")
        try place.coop(["config", "import", "--yes", "--dry-run"]).expectError(2, "Choose one of")
    }

    @Test("an empty file, and one of comments alone, say nothing", arguments: ["", "# nothing\n", "---\n...\n"])
    func empty(_ text: String) throws {
        let place = try Sandboxed(anyone)
        try place.write(".sbox/config.yaml", text)
        try place.coop(["config", "import", "--yes"]).expectSuccess()
        #expect(!place.exists("coop.toml"))
    }
}
