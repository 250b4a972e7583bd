import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct CredentialCommandTests {
    private static let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"

    private static func input(_ text: String) -> ChildProcess.Input { .bytes(Array(text.utf8)) }

    @Test(
        "a secret comes from standard input, is listed and shown without its value, and can be forgotten", arguments: TestIdentity.ordinary)
    func life(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.coop(["secret", "add", "GH", "--provider", "github"], input: Self.input(Self.token + "\n")).expectSuccess()
        try place.coop(["secret", "add", "--global", "GH"], input: Self.input("a global value of it")).expectSuccess()
        struct Listing: Decodable {
            struct Entry: Decodable {
                var name: String
                var scope: String
                var provider: String?
                var shadowed: Bool
            }
            var version: Int
            var secrets: [Entry]
        }
        let listing = try place.coop(["secret", "list", "--json"]).json(Listing.self)
        #expect(listing.version == 1 && listing.secrets.map(\.scope) == ["project", "global"])
        #expect(listing.secrets.map(\.shadowed) == [false, true] && listing.secrets[0].provider == "github")
        for words in [["list"], ["list", "--json"], ["show", "GH"], ["show", "GH", "--json"], ["show", "--global", "GH"]] {
            let outcome = try place.coop(["secret"] + words)
            outcome.expectSuccess()
            #expect(!outcome.output.contains("ghp_") && !outcome.output.contains("a global value"))
        }
        #expect(try place.coop(["secret", "show", "GH"]).output.contains("********6789"))
        try place.coop(["secret", "rm", "GH"]).expectSuccess()
        try place.coop(["secret", "rm", "GH"]).expectError(1, "there is no project secret")
        try place.coop(["secret", "rm", "--global", "GH"]).expectSuccess()
        try place.coop(["secret", "show", "GH"]).expectError(1, "there is no secret `GH`")
    }

    @Test("a value is revealed to a terminal only")
    func reveal() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "GH"], input: Self.input(Self.token)).expectSuccess()
        let refused = try place.coop(["secret", "show", "GH", "--reveal"])
        refused.expectError(2, "not a terminal")
        #expect(!refused.output.contains("ghp_") && !refused.error.contains("ghp_"))
        try place.coop(["secret", "show", "GH", "--reveal", "--json"]).expectError(2)
        let shown = try place.coop(["secret", "show", "GH", "--reveal"], input: .terminal(rows: 24, columns: 80))
        #expect(shown.output.contains(Self.token) && shown.exitCode == 0)
    }

    @Test("at a terminal the value is asked for and not shown, and Ctrl-C leaves the terminal as it was")
    func hidden() throws {
        let place = try Sandboxed(anyone)
        let asking = try place.start(["secret", "add", "ASKED"], input: .terminal(rows: 24, columns: 80))
        #expect(try asking.waitForOutput("(not shown): "))
        try asking.send("typed by hand 123\n")
        let outcome = try asking.wait()
        #expect(outcome.exitCode == 0 && !outcome.output.contains("typed by hand"), "\(outcome)")
        #expect(try place.coop(["secret", "show", "ASKED", "--json"]).output.contains("\"bytes\" : 17"))

        let broken = try place.start(["secret", "add", "BROKEN"], input: .terminal(rows: 24, columns: 80))
        #expect(try broken.waitForOutput("(not shown): "))
        try broken.send("\u{3}")
        #expect(try broken.wait().exitCode == 130)
        try place.coop(["secret", "show", "BROKEN"]).expectError(1)
    }

    @Test("what is wrong is refused before anything is kept")
    func mistakes() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "../x"], input: Self.input("v")).expectError(2, "cannot be the name")
        try place.coop(["secret", "add", "E"], input: Self.input("")).expectError(2, "the value is empty")
        try place.coop(["secret", "add", "E"], input: Self.input("\n")).expectError(2, "the value is empty")
        try place.coop(["secret", "add", "P", "--provider", "github"], input: Self.input("hunter2")).expectError(2, "looks like ghp_*")
        try place.coop(["secret", "add", "P", "--provider", "githup"], input: Self.input("x")).expectError(1, "no provider `githup`")
        try place.coop(["secret", "add", "BIG"], input: .bytes([UInt8](repeating: 65, count: 70_000))).expectError(2, "longer than 64 KiB")
        #expect(try place.coop(["secret", "list"]).output.split(separator: "\n").count == 1)
        try place.coop(["secret", "add", "P", "--provider", "github", "--force"], input: Self.input("hunter2")).expectSuccess()
        try place.coop(["secret", "add", "P"], input: Self.input("x")).expectError(1, next: "coop secret add --replace P")
        try place.coop(["secret", "add", "P", "--replace"], input: Self.input("x")).expectSuccess()
    }

    @Test("grants go into the chosen file, which stays as it was otherwise")
    func grants() throws {
        let place = try Sandboxed(anyone)
        let text = "# the project\nname = \"x\"   # its name\n"
        try place.write("coop.toml", text)
        try place.coop(["grant", "add", "github", "--provider", "github", "--source", "cmd:gh auth token"]).expectSuccess()
        try place.coop([
            "grant", "add", "wiki", "--project", "--domain", "wiki.example.com", "--basic-user", "me", "--secret", "WIKI", "--env",
            "WIKI_PW",
        ]).expectSuccess()
        #expect(
            try place.text("coop.toml") == text
                + "\n[[grants]]\nname = \"wiki\"\ndomain = \"wiki.example.com\"\nbasic_user = \"me\"\nsecret = \"WIKI\"\nenv = [\"WIKI_PW\"]\n"
        )
        #expect(
            try String(osBytes: FileSystem.read(place.coopHome + "/config.toml"))
                == "[[grants]]\nname = \"github\"\nprovider = \"github\"\nsource = \"cmd:gh auth token\"\n")
        struct Listing: Decodable {
            struct Entry: Decodable {
                var name: String
                var hosts: [String]
                var variables: [String]
                var state: String
            }
            var grants: [Entry]
        }
        let listing = try place.coop(["grant", "list", "--json"]).json(Listing.self)
        #expect(Set(listing.grants.map(\.name)) == ["github", "wiki"])
        let wiki = try #require(listing.grants.first { $0.name == "wiki" })
        #expect(wiki.hosts == ["wiki.example.com"] && wiki.variables == ["WIKI_PW"] && wiki.state == "there is no secret `WIKI`")
        try place.coop(["config", "validate"]).expectSuccess()
        try place.coop(["grant", "remove", "wiki"]).expectError(1, "there is no grant `wiki`")
        try place.coop(["grant", "remove", "--project", "wiki"]).expectSuccess()
        #expect(try place.text("coop.toml") == text)
    }

    @Test(
        "a grant that could not work is not added",
        arguments: [
            ["a", "--secret", "X"], ["a", "--provider", "github"], ["a", "--provider", "github", "--secret", "X", "--source", "env:X"],
            ["a", "--provider", "github", "--secret", "X", "--domain", "a.example"], ["a", "--domain", "a.example", "--secret", "X"],
            ["a", "--domain", "a.example", "--header", "H", "--query", "q", "--secret", "X"], ["a", "--provider", "nope", "--secret", "X"],
            ["a", "--domain", "*.com", "--header", "H", "--secret", "X"],
            ["a", "--domain", "https://a.example", "--header", "H", "--secret", "X"],
            ["a", "--domain", "a.example", "--header", "H I", "--secret", "X"], ["a", "--provider", "github", "--source", "http://x"],
            ["a", "--domain", "a.example", "--header", "H", "--template", "none", "--secret", "X"],
            ["a", "--provider", "github", "--secret", "../X"],
            ["a/b", "--provider", "github", "--secret", "X"], ["a", "--local", "--provider", "github", "--source", "cmd:id"],
        ])
    func refused(_ words: [String]) throws {
        let place = try Sandboxed(anyone)
        let before = try place.snapshot()
        let outcome = try place.coop(["grant", "add"] + words)
        #expect([1, 2, 3, 126].contains(outcome.exitCode))
        outcome.expectError(outcome.exitCode)
        #expect(try place.snapshot() == before)
        #expect(FileSystem.kind(place.coopHome + "/config.toml") == nil)
    }

    @Test("a repository's command is not taken as a source of credentials")
    func repositoryCommand() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"x\"\n[[grants]]\nname = \"evil\"\nprovider = \"github\"\nsource = \"cmd:touch ran\"\n")
        let outcome = try place.coop(["grant", "list"])
        #expect(outcome.output.contains("evil") && outcome.output.contains("may not name a command"), "\(outcome)")
        #expect(!place.exists("ran"))
    }

    @Test("the providers can be listed for people and programs")
    func providers() throws {
        struct Listing: Decodable {
            struct Entry: Decodable {
                var name: String
                var hosts: [String]
            }
            var providers: [Entry]
        }
        let place = try Sandboxed(anyone)
        let listing = try place.coop(["grant", "providers", "--json"]).json(Listing.self)
        #expect(listing.providers.first { $0.name == "openai" }?.hosts == ["api.openai.com"])
        #expect(try place.coop(["grant", "providers"]).output.contains("anthropic"))
    }
}
