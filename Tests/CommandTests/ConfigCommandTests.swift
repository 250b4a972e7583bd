import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct ConfigCommandTests {
    @Test("set keeps comments, order and spacing; unset takes only its line")
    func comments() throws {
        let place = try Sandboxed(anyone)
        let text = "# the project\nname = \"x\"   # its name\n\n[sandbox]\n# how much\nmemory   = \"1G\" # not more\npids = 5\n"
        try place.write("coop.toml", text)
        try place.coop(["config", "set", "sandbox.memory", "2G"]).expectSuccess()
        #expect(try place.text("coop.toml") == text.replacing("\"1G\"", with: "\"2G\""))
        try place.coop(["config", "unset", "sandbox.pids"]).expectSuccess()
        #expect(try place.text("coop.toml") == text.replacing("\"1G\"", with: "\"2G\"").replacing("pids = 5\n", with: ""))
    }

    @Test("each file is changed by its own option, made if missing, with the right mode")
    func files() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["config", "set", "--user", "sandbox.memory", "8G"]).expectSuccess()
        try place.coop(["config", "set", "sandbox.memory", "4G"]).expectSuccess()
        try place.coop(["config", "set", "--local", "sandbox.pids", "64"]).expectSuccess()
        #expect(try String(osBytes: FileSystem.read(place.coopHome + "/config.toml")) == "[sandbox]\nmemory = \"8G\"\n")
        // A coop.toml without a name would be accepted by no command.
        #expect(try place.text("coop.toml") == "name = \"project\"\n\n[sandbox]\nmemory = \"4G\"\n")
        #expect(try place.text("coop.local.toml") == "[sandbox]\npids = 64\n")
        #expect(try FileSystem.status(place.coopHome + "/config.toml").map { $0.st_mode & 0o777 } == 0o600)
        #expect(try place.coop(["config", "get", "sandbox.memory"]).output == "4G\n")
        #expect(try place.coop(["config", "get", "--user", "sandbox.memory"]).output == "8G\n")
        #expect(try place.coop(["config", "get", "--local", "sandbox.pids"]).output == "64\n")
        #expect(try place.coop(["config", "get", "sandbox.workspace"]).output == "bind\n")
        let outcome = try place.coop(["config", "get", "--json", "sandbox.memory"])
        #expect(outcome.output.contains("\"origin\" : \"coop.toml:4:10\"") && outcome.output.contains("\"value\" : \"4G\""), "\(outcome)")
        try place.coop(["config", "validate"]).expectSuccess()
    }

    @Test(
        "what would be wrong is refused, and the file is byte for byte what it was",
        arguments: [
            ["sandbox.memory", "4X"], ["sandbox.cpus", "x"], ["sandbox.pids", "0"], ["sandbox.excludes", "../x"], ["sandbox.env.A-B", "1"],
            ["name", "a/b"],
            ["sandbox.workspace", "zip"], ["sandbox.memry", "4G"], ["nope", "1"], ["sandbox", "1"], ["sandbox.mounts", "::"],
            ["grants", "x"], ["", "x"],
            ["sandbox.mounts", "[1"], ["name.x", "y"],
        ])
    func refused(_ arguments: [String]) throws {
        let place = try Sandboxed(anyone)
        let text = "# c\nname = \"x\"\n"
        try place.write("coop.toml", text)
        let before = try place.snapshot()
        let outcome = try place.coop(["config", "set"] + arguments)
        #expect([2, 3].contains(outcome.exitCode))
        outcome.expectError(outcome.exitCode)
        #expect(try place.snapshot() == before)
    }

    @Test("the nearest key is named")
    func nearest() throws {
        let place = try Sandboxed(anyone)
        for verb in [["get"], ["set"], ["unset"]] {
            let outcome = try place.coop(["config"] + verb + ["sandbox.memry"] + (verb == ["set"] ? ["1G"] : []))
            if verb == ["unset"] { continue }
            outcome.expectError(2, "did you mean `sandbox.memory`?")
        }
        try place.coop(["config", "get", "sandbox.memory"]).expectError(
            1, "`sandbox.memory` has no value", next: "coop config set sandbox.memory VALUE")
        try place.coop(["config", "unset", "sandbox.memory"]).expectError(1, "`sandbox.memory` is not set there")
    }

    @Test("a file that cannot be read is not overwritten", arguments: ["name = \n", "\u{FEFF}x = [", "a = 1\na = 2\n"])
    func broken(_ text: String) throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", text)
        try place.coop(["config", "set", "sandbox.memory", "1G"]).expectError(3, "coop.toml:")
        #expect(try place.text("coop.toml") == text)
    }

    @Test("lists and tables grow and shrink; every other element keeps its line and its comment")
    func collections() throws {
        let place = try Sandboxed(anyone)
        let text = """
            name = "x"
            [network]
            allow = [
              "a.example",  # first
              "b.example"   # last
            ]
            deny = ["c.example", "d.example"]
            [sandbox]
            env = { A = "1" } # short

            """
        try place.write("coop.toml", text)
        func set(_ arguments: String...) throws -> ChildProcess.Outcome { try place.coop(["config", "set"] + arguments) }
        try set("--add", "network.allow", "e.example,a.example", "f.example").expectSuccess()
        #expect(
            try place.text("coop.toml")
                == text.replacing("\"b.example\"   # last\n", with: "\"b.example\",   # last\n  \"e.example\",\n  \"f.example\"\n"))
        try set("--remove", "network.allow", "a.example,f.example").expectSuccess()
        try set("--remove", "network.deny", "d.example").expectSuccess()
        try set("--add", "sandbox.env", "B=x,y=z", "A=1").expectSuccess()
        #expect(
            try place.text("coop.toml") == """
                name = "x"
                [network]
                allow = [
                  "b.example",   # last
                  "e.example",
                ]
                deny = ["c.example"]
                [sandbox]
                env = { A = "1", B = "x,y=z" } # short

                """)
        try set("--add", "network.allow", "g.example").expectSuccess()
        #expect(try place.text("coop.toml").contains("  \"e.example\",\n  \"g.example\",\n]"))
        try set("--add", "sandbox.env", "A=2").expectError(2, "cannot add `A`", next: "coop config set sandbox.env.A VALUE")
        try set("--remove", "network.deny", "z.example").expectError(1, "nothing was removed")
        try set("--add", "sandbox.memory", "1G").expectError(2, "it holds a single value")
        try set("--add", "network.allow", "not a host").expectError(3, "is not a host")
        try set("sandbox.memory", "1G", "2G").expectError(2, "it takes one value")
        try set("--remove", "sandbox.env", "A").expectSuccess()
        try set("--add", "network.host_ports", "80", "90").expectSuccess()
        let json = try set("--json", "--remove", "network.host_ports", "80")
        #expect(json.output.contains("\"removed\" : [") && json.output.contains("\"value\" : \"[90]\""), "\(json)")
        try place.coop(["config", "validate"]).expectSuccess()
        #expect(try place.text("coop.toml").contains("env = { B = \"x,y=z\" } # short"))
    }

    @Test("a file keeps its mode and its owner, whoever changes it", .enabled(if: getuid() == 0))
    func owner() throws {
        let place = try Sandboxed(anyone)
        let path = try place.write("coop.toml", "name = \"x\"\n", mode: 0o640)
        let outcome = try ChildProcess.run(
            [try BuiltPrograms.coop(), "config", "set", "sandbox.pids", "9"],
            environment: ["PATH": Sandboxed.path, "HOME": "/root", "COOP_HOME": place.root + "/root-coop"], directory: place.project)
        // Root does not follow a coop.toml of somebody else's by chance: it is root, and may.
        outcome.expectSuccess()
        let found = try #require(try FileSystem.status(path))
        #expect(found.st_uid == anyone.user && found.st_gid == anyone.group && found.st_mode & 0o777 == 0o640)
        // One that would have to change its owner is left alone.
        try check("chown", path) { chown(path, 0, anyone.group) }
        try check("chmod", path) { chmod(path, 0o664) }
        try place.coop(["config", "set", "sandbox.pids", "8"]).expectError(1, "it would not stay its owner's")
        #expect(try place.text("coop.toml").contains("pids = 9"))
    }

    @Test("a linked coop.toml stays a link; one that leads outside is refused and its target untouched")
    func links() throws {
        let place = try Sandboxed(anyone)
        try place.write("real.toml", "name = \"x\"\n")
        try place.link("coop.toml", to: "real.toml")
        try place.coop(["config", "set", "sandbox.pids", "7"]).expectSuccess()
        #expect(FileSystem.readLink(place("coop.toml")) == "real.toml")
        #expect(try place.text("real.toml") == "name = \"x\"\n\n[sandbox]\npids = 7\n")
        try FileSystem.removeFile(place("coop.toml"))
        let target = place.root + "/outside.toml"
        try FileSystem.replace(target, with: "name = \"y\"\n".utf8, mode: 0o644)
        try place.give(target)
        try place.link("coop.toml", to: target)
        try place.coop(["config", "set", "sandbox.pids", "7"]).expectError(3, "outside the project")
        #expect(try String(osBytes: FileSystem.read(target)) == "name = \"y\"\n")
    }

    @Test("many writers at once leave one whole file, and each change is there")
    func atomic() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"x\"\n")
        let keys = ["sandbox.memory", "sandbox.pids", "sandbox.cpus", "sandbox.disk", "sandbox.timeout", "start"]
        let values = ["1G", "5", "2", "2G", "9m", "make"]
        let children = try zip(keys, values).map { try place.start(["config", "set", $0, $1]) }
        for child in children { try child.wait().expectSuccess() }
        try place.coop(["config", "validate"]).expectSuccess()
        for (key, value) in zip(keys, values) { #expect(try place.coop(["config", "get", key]).output == value + "\n") }
        #expect(try FileSystem.list(place.project) == ["coop.toml"], "no temporary file is left")
    }

    @Test("one name of a table, from whichever file says it")
    func names() throws {
        let place = try Sandboxed(anyone)
        try place.write(
            "coop.toml", "name = \"x\"\n[sandbox]\nenv = { A = \"p\", B = \"p\" }\n[network.hosts]\n\"a.example\" = \"b.example\"\n")
        try place.writeUserConfiguration("[sandbox]\nenv = { B = \"u\", C = \"u\" }\n")
        for (key, value) in [
            ("sandbox.env.A", "p"), ("sandbox.env.B", "p"), ("sandbox.env.C", "u"), ("network.hosts.\"a.example\"", "b.example"),
        ] {
            #expect(try place.coop(["config", "get", key]).output == value + "\n", "\(key)")
        }
        #expect(try place.coop(["config", "get", "--json", "sandbox.env.B"]).output.contains("\"origin\" : \"coop.toml:3:18\""))
        try place.coop(["config", "get", "sandbox.env.D"]).expectError(1, "has no value", next: "coop config set sandbox.env.D VALUE")
        try place.coop(["config", "get", "sandbox.memory.x"]).expectError(2, "there is no such key")
    }

    @Test("list shows every key with its value, where it comes from and what it means")
    func list() throws {
        struct Listing: Decodable {
            struct Entry: Decodable {
                var key: String
                var value: String?
                var origin: String
                var meaning: String
            }
            var version: Int
            var keys: [Entry]
        }
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nmemory = \"1G\"\n")
        let listing = try place.coop(["config", "list", "--json"]).json(Listing.self)
        #expect(listing.version == 1 && listing.keys.count >= 30 && listing.keys.allSatisfy { !$0.meaning.isEmpty })
        let memory = try #require(listing.keys.first { $0.key == "sandbox.memory" })
        #expect(memory.value == "1G" && memory.origin == "coop.toml:3:10")
        #expect(listing.keys.first { $0.key == "sandbox.workspace" }?.origin == "default")
        let text = try place.coop(["config", "list"]).output
        #expect(listing.keys.allSatisfy { text.contains($0.key + " ") })
        // The home directory is no project, and has a configuration all the same.
        try place.coop(["config", "list"], directory: place.home).expectSuccess()
        try place.coop(["config", "validate"], directory: place.home).expectSuccess()
        #expect(try place.coop(["config", "get", "sandbox.workspace"], directory: place.home).output == "bind\n")
    }

    @Test("list shows the keys, too, where something is wrong: it is where the right ones are looked up")
    func listDamaged() throws {
        let place = try Sandboxed(anyone)
        for (text, problem) in [
            ("name = \"x\"\n[sandbox]\nmemry = \"1G\"\n", "coop.toml:3:1: unknown key `sandbox.memry`"),
            ("name = \"x\n", "coop.toml:1:8: "),
        ] {
            try place.write("coop.toml", text)
            let outcome = try place.coop(["config", "list"])
            #expect(outcome.exitCode == 3 && outcome.output.contains("sandbox.memory ") && outcome.error.contains(problem), "\(outcome)")
            #expect(outcome.error.hasSuffix("Next: coop config edit\n"), "\(outcome)")
            let asJSON = try place.coop(["config", "list", "--json"])
            #expect(asJSON.exitCode == 3 && asJSON.output.contains(problem), "\(asJSON)")
        }
        try FileSystem.removeFile(place("coop.toml"))
        try place.configure("x = 1\n")
        #expect(try place.coop(["config", "list"]).error.hasSuffix("Next: coop config edit --user\n"))
    }

    @Test("validate lists everything that is wrong at once")
    func validate() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "nam = \"x\"\n[sandbox]\nmemory = true\n")
        try place.write("coop.local.toml", "[sandbox]\npids = \"x\"\n")
        try place.writeUserConfiguration("[network]\nmode = \"host\"\n")
        let outcome = try place.coop(["config", "validate"], environment: ["COOP_SANDBOX_CPUS": "x"])
        outcome.expectError(
            3, "coop.toml:1:1: unknown key `nam`", "coop.toml:1:1: `name` is missing", "coop.toml:3:10:", "coop.local.toml:2:8:",
            "config.toml:2:8:", "COOP_SANDBOX_CPUS")
        let json = try place.coop(["config", "validate", "--json"], environment: ["COOP_SANDBOX_CPUS": "x"])
        #expect(json.exitCode == 3 && json.output.contains("\"place\" : \"coop.local.toml:2:8\""))
    }
}
