import LinuxKernel
import TestSupport
import Testing

@Suite struct EnvironmentTests {
    /// The environment that a command sees.
    private func inside(_ place: Sandboxed, _ options: [String] = [], _ host: [String: String] = [:]) throws -> [String: String] {
        let outcome = try place.run(["env", "-0"], options: options, environment: host)
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        var result: [String: String] = [:]
        for entry in outcome.output.split(separator: "\0") {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            result[String(parts[0])] = String(parts[1])
        }
        return result
    }

    @Test("only what is listed gets in: terminal and locale yes, secrets and sockets never", arguments: TestIdentity.all)
    func allowList(_ identity: TestIdentity) throws {
        let secrets = [
            "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "GITHUB_TOKEN", "MY_TOKEN", "STRIPE_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY",
            "DB_PASSWORD",
            "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "KUBECONFIG", "DOCKER_HOST", "LD_PRELOAD", "BASH_ENV",
            "SOMETHING",
            "GIT_SSH_COMMAND", "LD_LIBRARY_PATH",
        ]
        var host = Dictionary(uniqueKeysWithValues: secrets.map { ($0, "/nonexistent/s3cr3t") })
        // The loader of the host's own coop and setpriv would see these; they are static or ignore a missing file.
        host["LD_PRELOAD"] = nil
        let kept = [
            "TERM": "xterm-kitty", "LANG": "de_DE.UTF-8", "LC_TIME": "en_DK.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "Europe/Berlin",
            "NO_COLOR": "1",
        ]
        let place = try Sandboxed(identity)
        // With a gateway, coop adds variables that lead to it; they are tested with it.
        let found = try inside(place, ["--network", "none"], host.merging(kept) { $1 })
        for (name, value) in kept { #expect(found[name] == value, "\(name)") }
        for name in secrets { #expect(found[name] == nil, "\(name)") }
        #expect(!found.values.contains { $0.contains("s3cr3t") })
        #expect(found["HOME"] == place.home && found["PWD"] == place.project && found["USER"] == identity.accountName)
        let known = Set(kept.keys).union(["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "PWD", "COOP_SESSION", "OLDPWD", "_"])
        #expect(Set(found.keys).subtracting(known).isEmpty, "\(found.keys.sorted())")
    }

    @Test("-e sets, passes on, and wins over files, which win over the configuration", arguments: TestIdentity.all)
    func precedence(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nenv = { A = \"toml\", B = \"toml\", C = \"toml\", TERM = \"toml\" }\n")
        try place.writeUserConfiguration("[sandbox]\nenv = { C = \"user\", D = \"user\" }\n")
        try place.write("one.env", "B=file\nE='a # b'\nF=first\n")
        try place.write("two.env", "F=second\n")
        let found = try inside(
            place, ["--env-file", "one.env", "--env-file", "two.env", "-e", "C=flag", "-e", "G", "-e", "EMPTY=", "-e", "EQ=a=b"],
            ["G": "host", "D": "host"])
        #expect(found["A"] == "toml" && found["B"] == "file" && found["C"] == "flag" && found["D"] == "user" && found["E"] == "a # b")
        #expect(found["F"] == "second" && found["G"] == "host" && found["EMPTY"] == "" && found["EQ"] == "a=b" && found["TERM"] == "toml")
    }

    @Test("a value with any bytes arrives as it was", arguments: TestIdentity.all)
    func bytes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let value = "\n\t'\"$(x)` ü"
        #expect(try inside(place, ["-e", "V=" + value])["V"] == value)
        let outcome = try place.run(["printenv", "V"], options: ["-e", "V=" + String(osBytes: [0xFF, 0x41])])
        #expect(outcome.outputBytes == [0xFF, 0x41, 0x0A])
    }

    @Test("env_allow lets names in; a pattern never lets a secret in, an exact name does; a block wins over all")
    func policy() throws {
        let place = try Sandboxed(anyone)
        let host = ["MY_SETTING": "1", "MY_TOKEN": "2", "OTHER": "3"]
        let byPattern = try inside(place, ["--env-allow", "MY_*"], host)
        #expect(byPattern["MY_SETTING"] == "1" && byPattern["MY_TOKEN"] == nil && byPattern["OTHER"] == nil)
        #expect(try inside(place, ["--env-allow", "MY_TOKEN"], host)["MY_TOKEN"] == "2")
        #expect(try inside(place, ["--env-allow", "MY_TOKEN", "--env-block", "*_TOKEN"], host)["MY_TOKEN"] == nil)
        #expect(try inside(place, ["--env-allow", "*", "--env-block", "TERM"], host)["TERM"] == nil)
        #expect(try inside(place, ["-e", "MY_TOKEN"], host)["MY_TOKEN"] == "2")
    }

    @Test("a block of any layer holds: against -e it is said, against files and configuration it is kept")
    func block() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nenv = { X_A = \"1\", OK = \"2\" }\nenv_block = [\"X_*\"]\n")
        try place.write("v.env", "X_B=1\n")
        let found = try inside(place, ["--env-file", "v.env"])
        #expect(found["X_A"] == nil && found["X_B"] == nil && found["OK"] == "2")
        try place.run(["true"], options: ["-e", "X_C=1"]).expectError(
            126, "cannot set X_C: env_block holds X_*", next: "coop config get sandbox.env_block")
        // What coop sets itself cannot be blocked away: without PATH and HOME nothing works.
        #expect(try inside(place, ["--env-block", "*"])["HOME"] == place.home)
    }

    @Test(
        "a wrong environment file is named with line and column",
        arguments: [
            ("A=1\nB\n", "bad.env:2:1: there is no `=`"), ("9=1\n", "bad.env:1:1: `9` is not the name of a variable"),
            ("A=\"x\n", "bad.env:1:3: the quotes do not close"), ("A=1\n\u{1B}=2\n", "`\\x1b`"),
        ])
    func files(_ text: String, _ message: String) throws {
        let place = try Sandboxed(anyone)
        try place.write("bad.env", text)
        try place.run(["true"], options: ["--env-file", "bad.env"]).expectError(125, message)
    }

    @Test("PATH inside holds what exists inside", arguments: TestIdentity.all)
    func path(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let found = try inside(place, [], ["PATH": "/usr/local/bin:/usr/bin:/bin:/srv/nothing:relative::/usr/bin:" + place("bin")])
        #expect(found["PATH"] == "/usr/local/bin:/usr/bin:/bin:" + place("bin"))
    }
}
