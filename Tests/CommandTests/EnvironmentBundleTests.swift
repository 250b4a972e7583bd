import LinuxKernel
import TestSupport
import Testing

@Suite struct EnvironmentBundleTests {
    private static func input(_ text: String) -> ChildProcess.Input { .bytes(Array(text.utf8)) }
    private static let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"

    @Test("an environment is loaded, listed, shown masked, used and forgotten", arguments: TestIdentity.ordinary)
    func life(_ identity: TestIdentity) throws {
        struct Listing: Decodable {
            struct Entry: Decodable {
                var name: String
                var scope: String
                var variables: [String]
                var shadowed: Bool
            }
            var version: Int
            var environments: [Entry]
        }
        let place = try Sandboxed(identity)
        try place.write("dev.env", "# comment\nA=one\nexport B='two words'\n")
        try place.coop(["env", "load", "dev", "dev.env"]).expectSuccess()
        try place.coop(["env", "load", "--global", "dev", "-"], input: Self.input("A=global\nZ=only global\n")).expectSuccess()
        try place.coop(["env", "load", "--global", "shared", "-"], input: Self.input("S=a long shared value\n")).expectSuccess()
        let listing = try place.coop(["env", "list", "--json"]).json(Listing.self)
        #expect(listing.version == 1 && listing.environments.map(\.name) == ["dev", "dev", "shared"])
        #expect(listing.environments.map(\.scope) == ["project", "global", "global"])
        #expect(listing.environments.map(\.shadowed) == [false, true, false] && listing.environments[0].variables == ["A", "B"])
        for words in [["list"], ["list", "--json"], ["show", "dev"], ["show", "dev", "--json"], ["show", "--global", "shared"]] {
            let outcome = try place.coop(["env"] + words)
            outcome.expectSuccess()
            #expect(!outcome.output.contains("two words") && !outcome.output.contains("a long"), "\(words)")
        }
        // A project's environment is used whole, in place of the global one.
        let used = try place.run(["sh", "-c", "echo $A $B $S ${Z-unset}"], options: ["--env-bundle", "dev", "--env-bundle", "shared"])
        #expect(used.output == "one two words a long shared value unset\n", "\(used)")
        let other = try place.makeDirectory("../other")
        #expect(try place.coop(["run", "--env-bundle", "dev", "--", "printenv", "A"], directory: other).output == "global\n")
        let key = try #require(try FileSystem.list(place.coopHome + "/projects").first { $0.hasSuffix("-project") })
        for file in ["/global/env/dev.env", "/projects/\(key)/env/dev.env"] {
            #expect(try FileSystem.status(place.coopHome + file).map { $0.st_mode & 0o777 } == 0o600, "\(file)")
        }
        try place.coop(["env", "rm", "dev"]).expectSuccess()
        try place.coop(["env", "rm", "dev"]).expectError(1, "a global one is removed with --global")
        try place.run(["true"], options: ["--env-bundle", "nope"]).expectError(
            125, "there is no environment `nope`", next: "coop env load nope FILE")
    }

    @Test("the nearer wins: configuration, environments, files, -e; explain says where each value is from, and hides it")
    func precedence() throws {
        let place = try Sandboxed(anyone)
        try place.writeUserConfiguration("[sandbox]\nenv = { A = \"toml\", B = \"toml\" }\nenv_bundles = [\"base\"]\n")
        try place.coop(["env", "load", "base", "-"], input: Self.input("B=base\nC=base\nD=base\nE=base\nF=base\n")).expectSuccess()
        try place.coop(["env", "load", "--global", "near", "-"], input: Self.input("D=near\nE=near\n")).expectSuccess()
        try place.coop(["env", "load", "--global", "last", "-"], input: Self.input("D=last\n")).expectSuccess()
        try place.write("f.env", "E=file\n")
        let options = ["--env-bundle", "near", "--env-bundle", "last", "--env-file", "f.env", "-e", "F=flag"]
        #expect(try place.run(["sh", "-c", "echo $A $B $C $D $E $F"], options: options).output == "toml base base last file flag\n")
        let spec = try place.explain(options).spec
        let origins = Dictionary(uniqueKeysWithValues: spec.environment.map { ($0.name, $0.origin) })
        #expect(origins["C"] == "environment base (project)" && origins["D"] == "environment last (global)" && origins["E"] == "f.env:1")
        #expect(spec.environment.first { $0.name == "C" }?.value == "********")
        #expect(try place.coop(["why", "--env-bundle", "last", "$D"]).output.contains("set, from environment last (global)"))
        // A stub stays a stub, whatever an environment says.
        try place.coop(["secret", "add", "GITHUB_TOKEN"], input: Self.input(Self.token)).expectSuccess()
        try place.coop(["grant", "add", "github", "--provider", "github", "--secret", "GITHUB_TOKEN"]).expectSuccess()
        try place.coop(["env", "load", "real", "-"], input: Self.input("GITHUB_TOKEN=" + Self.token + "\n")).expectSuccess()
        let outcome = try place.run(["printenv", "GITHUB_TOKEN"], options: ["--env-bundle", "real"])
        #expect(outcome.output.hasPrefix("ghp_") && !outcome.output.contains(Self.token), "\(outcome)")
    }

    @Test("a repository gets the values of an environment only when the user approves")
    func approval() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["env", "load", "--global", "mine", "-"], input: Self.input("A=1\n")).expectSuccess()
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nenv_bundles = [\"mine\"]\n")
        try place.run(["true"]).expectError(126, "see the values of your environment mine (coop.toml:3:16)", next: "coop trust")
        try place.coop(["trust", "--yes"]).expectSuccess()
        #expect(try place.run(["printenv", "A"]).output == "1\n")
    }

    @Test("what looks like a credential is said, with the command that keeps it as a secret")
    func hint() throws {
        let place = try Sandboxed(anyone)
        let outcome = try place.coop(["env", "load", "dev", "-"], input: Self.input("A=1\nT=\(Self.token)\nK=sk-ant-0123456789abcdef\n"))
        #expect(outcome.error.contains("standard input:2: T looks like a credential of GitHub"), "\(outcome)")
        #expect(outcome.error.contains("coop secret add --provider github T") && outcome.error.contains("--provider anthropic K"))
        #expect(!outcome.error.contains(Self.token))
    }

    @Test(
        "a file that is not understood is refused with its place, and what was kept stays",
        arguments: [
            ("A=1\nB\n", "x.env:2:1: there is no `=`"), ("A=1\nA=2\n", "x.env:2:1: `A` is set in line 1 already"), ("A='x\n", "x.env:1:3:"),
        ])
    func mistakes(_ text: String, _ why: String) throws {
        let place = try Sandboxed(anyone)
        try place.coop(["env", "load", "dev", "-"], input: Self.input("OLD=1\n")).expectSuccess()
        try place.write("x.env", text)
        try place.coop(["env", "load", "dev", "x.env"]).expectError(3, why)
        #expect(try place.coop(["env", "show", "dev"]).output.contains("OLD"))
        try place.coop(["env", "load", "dev", "-"], input: Self.input("# nothing\n")).expectError(2, "sets nothing")
        try place.coop(["env", "load", "../x", "x.env"]).expectError(2, "cannot be the name of an environment")
        try place.coop(["env", "load", "dev", "missing.env"]).expectError(1, "cannot read missing.env")
    }

    @Test("values are revealed to a terminal only")
    func reveal() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["env", "load", "dev", "-"], input: Self.input("A=hidden words\n")).expectSuccess()
        let refused = try place.coop(["env", "show", "dev", "--reveal"])
        refused.expectError(2, "not a terminal")
        #expect(!refused.output.contains("hidden") && !refused.error.contains("hidden"))
        #expect(
            try place.coop(["env", "show", "dev", "--reveal"], input: .terminal(rows: 24, columns: 80)).output.contains("A=hidden words"))
    }
}
