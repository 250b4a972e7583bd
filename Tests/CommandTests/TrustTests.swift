import LinuxKernel
import TestSupport
import Testing

@Suite struct TrustTests {
    private static let asking = """
        name = "x"
        [sandbox]
        mounts = ["/opt:/asked:ro"]
        env_allow = ["HOST_SETTING"]
        allow_syscalls = ["ptrace"]

        """

    private func place(_ text: String = asking, _ identity: TestIdentity = anyone) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", text)
        return place
    }

    @Test("without approval and without a terminal a run is refused with the list, and nothing runs", arguments: TestIdentity.all)
    func refused(_ identity: TestIdentity) throws {
        let place = try place(TrustTests.asking, identity)
        let outcome = try place.run(["touch", "ran"])
        outcome.expectError(
            126, "asks for more than the default", "mount /opt read-only at /asked (coop.toml:3:11)",
            "pass on the variable HOST_SETTING of your environment (coop.toml:4:14)",
            "allow the system calls of the group ptrace (coop.toml:5:19)",
            next: "coop trust")
        #expect(!place.exists("ran"))
        for command in [["explain", "--", "true"], ["why", "/opt"], ["trust"], ["shell"]] {
            #expect(try place.coop(command).exitCode == 126, "\(command)")
        }
    }

    @Test("once approved it holds, until one byte changes; --revoke takes it back", arguments: TestIdentity.all)
    func approved(_ identity: TestIdentity) throws {
        let place = try place(TrustTests.asking, identity)
        let show = try place.coop(["trust", "--show"])
        #expect(show.exitCode == 0 && show.output.contains("+ mount /opt read-only at /asked"))
        #expect(try place.coop(["trust", "--yes"]).output.hasSuffix("Approved.\n"))
        let run = try place.shell("ls -d /asked; echo $HOST_SETTING", environment: ["HOST_SETTING": "v"])
        #expect(run.output == "/asked\nv\n", "\(run)")
        #expect(try place.coop(["trust", "--show"]).output.hasPrefix("Approved:\n"))
        try place.write("coop.toml", TrustTests.asking + " ")
        try place.run(["true"]).expectError(126, "the file has changed since it was approved", next: "coop trust")
        try place.write("coop.toml", TrustTests.asking)
        try place.run(["true"]).expectSuccess()
        try place.write("coop.local.toml", "[sandbox]\nmounts = [\"/srv:/more\"]\n")
        try place.run(["true"]).expectError(126, "+ mount /srv writable at /more (coop.local.toml:2:11)", "approved before")
        try FileSystem.removeFile(place("coop.local.toml"))
        #expect(try place.coop(["trust", "--revoke"]).output == "The approval is taken back.\n")
        #expect(try place.coop(["trust", "--revoke"]).output == "Nothing was approved.\n")
        try place.run(["true"]).expectError(126)
    }

    @Test("what only narrows needs no approval")
    func narrow() throws {
        let place = try place(
            "name = \"x\"\n[sandbox]\nexcludes = [\"b\"]\nprotect = [\"c\"]\nenv_block = [\"LANG\"]\npids = 100\nworkspace = \"none\"\n[network]\nmode = \"none\"\n"
        )
        try place.run(["true"]).expectSuccess()
        #expect(try place.coop(["trust", "--show"]).output == "Nothing here asks for more than the default.\n")
    }

    @Test(
        "each thing beyond the default is asked for",
        arguments: [
            ("sandbox.mounts = [\"../..:/x\"]", "mount ../.. writable at /x"), ("sandbox.env_allow = [\"*\"]", "pass on the variable *"),
            ("sandbox.env_bundles = [\"dev\"]", "see the values of your environment dev"),
            ("sandbox.allow_syscalls = [\"nested-userns\"]", "nested-userns"),
            ("sandbox.engine = \"container\"", "use the engine container"),
            ("sandbox.rootfs = \"debian:12\"", "use debian:12 as the root"), ("network.mode = \"open\"", "reach the whole public internet"),
            ("network.allow = [\"a.example\"]", "reach a.example"), ("network.bundles = [\"npm\"]", "bundle npm"),
            ("network.host_ports = [5432]", "reach port 5432 of this machine's loopback"),
            ("network.ca = [\"x.pem\"]", "x.pem vouches for"),
            ("network.proxy = \"http://p:1\"", "through the proxy http://p:1"),
            ("network.hosts = { \"a.example\" = \"127.0.0.1:1\" }", "connect to 127.0.0.1:1 in place of a.example"),
            ("services.pg = { version = \"17\" }", "run the service pg, version 17"),
            ("hooks.prepare = \"make\"", "run inside before the command: make"),
            ("commands.git.allow = [\"push\"]", "run `git push` on this machine"),
            ("commands.git.approve = [\"push\"]", "asking you each time"),
            (
                "grants = [{ name = \"g\", domain = \"a.example\", header = \"H\", secret = \"S\" }]",
                "send the stored secret S to a.example"
            ),
        ])
    func each(_ line: String, _ request: String) throws {
        let place = try place("name = \"x\"\n" + line + "\n")
        try place.run(["true"]).expectError(126, request, "(coop.toml:2:", next: "coop trust")
    }

    @Test("what a repository writes cannot forge the list")
    func forged() throws {
        let place = try place(
            "name = \"x\"\n[network]\nproxy = \"http://p:1\"\n[hooks]\nprepare = \"make\\u001b[2K\\rharmless\\u202egpj\"\n")
        try place.run(["true"]).expectError(126, "make\\x1b[2K\\rharmless\\u{202e}gpj")
        // Nor can it continue a sentence of coop's own.
        try place.write(
            "coop.toml",
            """
            name = "x"
            [sandbox]
            mounts = ["/opt read-only at /y, approved before:/x"]
            [commands."a` on this machine"]
            allow = ["b` and"]
            [hooks]
            prepare = "make (coop.toml:1:1), approved before"

            """)
        try place.run(["true"]).expectError(
            126, "+ mount \"/opt read-only at /y, approved before\" writable at /x (coop.toml:3:11)",
            "+ run `a\\` on this machine b\\` and` on this machine (coop.toml:5:10)",
            "+ run inside before the command: \"make (coop.toml:1:1), approved before\" (coop.toml:7:11)")
    }

    @Test("a list that does not fit says how long it is, and the files can be looked at before the answer")
    func view() throws {
        let hosts = (1...30).map { "\"h\($0).example\"" }.joined(separator: ", ")
        let place = try place("name = \"x\"\n# \u{202e}red\n[network]\nallow = [\(hosts)]\n")
        let coop = try place.start(["run", "--", "echo", "it ran"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("[v]iew the files"), "\(coop.outputText)")
        #expect(coop.outputText.contains("These are 30 things") && !coop.outputText.contains("    2  #"))
        try coop.send("v\n")
        #expect(try coop.waitUntil { $0.outputText.ranges(of: "[v]iew the files").count == 2 }, "\(coop.outputText)")
        #expect(coop.outputText.contains("    2  # \\u{202e}red") && !coop.outputText.contains("\u{202e}"))
        try coop.send("y\n")
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("it ran"), "\(outcome)")
    }

    @Test("the bytes that were shown are the bytes that are approved and used", arguments: TestIdentity.all)
    func shownBytes(_ identity: TestIdentity) throws {
        let first = "name = \"x\"\n[sandbox]\nenv_allow = [\"SHOWN\"]\n"
        let place = try place(first, identity)
        let command = ["run", "--", "sh", "-c", "echo \"<$SHOWN $LATER>\""]
        let values = ["SHOWN": "shown", "LATER": "later"]
        // With a terminal of its own the sandbox is another process's, which reads the files again and takes none but approved bytes.
        for isHosted in [false, true] {
            try place.write("coop.toml", first)
            _ = try place.coop(["trust", "--revoke"])
            let words = isHosted ? command : ["run", "--no-tty"] + command.dropFirst()
            let coop = try place.start(words, environment: values, input: .terminal(rows: 24, columns: 200))
            #expect(try coop.waitForOutput("[v]iew the files"), "\(coop.outputText)")
            // Between the list and the answer somebody asks for more.
            try place.write("coop.toml", "name = \"x\"\n[sandbox]\nenv_allow = [\"SHOWN\", \"LATER\"]\n")
            try coop.send("y\n")
            let outcome = try coop.wait()
            if isHosted {
                #expect(outcome.exitCode == 126 && !outcome.output.contains("<shown"), "\(outcome)")
            } else {
                #expect(outcome.exitCode == 0 && outcome.output.contains("<shown >"), "\(outcome)")
            }
        }
        // What was approved is not what lies there now.
        try place.coop(command, environment: values).expectError(
            126, "+ pass on the variable LATER", "pass on the variable SHOWN of your environment (coop.toml:3:14), approved before",
            next: "coop trust")
        try place.write("coop.toml", first)
        #expect(try place.coop(command, environment: values).output == "<shown >\n")
    }

    @Test("what is no longer asked for is named beside what is new and what stays")
    func difference() throws {
        let place = try place()
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nenv_allow = [\"HOST_SETTING\", \"B\"]\n")
        let text = try place.coop(["trust", "--show"]).output
        for line in [
            "  + pass on the variable B of your environment (coop.toml:3:30)\n",
            "    pass on the variable HOST_SETTING of your environment (coop.toml:3:14), approved before\n",
            "  - mount /opt read-only at /asked, no longer asked for\n",
            "  - allow the system calls of the group ptrace, no longer asked for\n",
        ] { #expect(text.contains(line), "\(line)\(text)") }
    }

    @Test("a coop.toml that the sandbox wrote is not believed", arguments: TestIdentity.all)
    func writtenInside(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.run(["sh", "-c", "printf 'name = \"x\"\\n[sandbox]\\npids = 99\\n' > coop.toml"])
        #expect(outcome.exitCode == 0 && outcome.error.contains("coop.toml was written by the sandbox and is not trusted"), "\(outcome)")
        try place.run(["true"]).expectError(126, "coop.toml was written by a sandbox", next: "coop trust")
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.run(["true"]).expectSuccess()
    }

    @Test("nor where the supervisor was killed before it could say so", arguments: TestIdentity.all)
    func writtenAndKilled(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "printf 'name = \"x\"\\n[sandbox]\\npids = 99\\n' > coop.toml; echo {} > .mcp.json"
        try place.runKilled(script)
        let next = try place.coop(["ps"])
        #expect(next.error.contains("coop.toml was written by the killed sandbox, or since, and is not trusted"), "\(next)")
        #expect(next.error.contains(".mcp.json was written by the killed sandbox"), "\(next)")
        try place.run(["true"]).expectError(126, "coop.toml was written by a sandbox", next: "coop trust")
        #expect(try place.coop(["ps"]).error == "")
    }

    @Test("a coop.toml that exists cannot be changed from inside", arguments: TestIdentity.all)
    func protected(_ identity: TestIdentity) throws {
        let place = try place("name = \"x\"\n", identity)
        let outcome = try place.shell(
            "echo '#' >> coop.toml; rm coop.toml; mv coop.toml y; ln -sf x coop.toml; echo z > n && mv n coop.toml")
        #expect(outcome.exitCode != 0)
        #expect(try place.text("coop.toml") == "name = \"x\"\n")
    }

    @Test(
        "at a terminal the list is shown and asked about; only y approves",
        arguments: [("y\n", Int32(0)), ("Yes\n", 0), ("\n", 126), ("n\n", 126), ("maybe\n", 126), ("\u{4}", 126)])
    func question(_ answer: String, _ code: Int32) throws {
        let place = try place()
        let coop = try place.start(["run", "--", "echo", "it ran"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("[v]iew the files"), "\(coop.outputText)")
        #expect(coop.outputText.contains("mount /opt read-only at /asked"))
        try coop.send(answer)
        let outcome = try coop.wait()
        #expect(outcome.exitCode == code, "\(outcome)")
        #expect(outcome.output.contains("it ran") == (code == 0))
        #expect(try place.run(["true"]).exitCode == code, "the answer is kept, a no is none")
    }

    @Test("a sandbox that is to be kept asks as well, before it is made")
    func kept() throws {
        let place = try place()
        try place.run(["true"], options: ["--keep"]).expectError(126, "asks for more than the default", next: "coop trust")
        let coop = try place.start(
            ["run", "--keep", "--name", "kept", "--", "sh", "-c", "ls -d /asked"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("[v]iew the files"), "\(coop.outputText)")
        try coop.send("y\n")
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("/asked\r\n"), "\(outcome)")
        try place.coop(["stop", "kept"]).expectSuccess()
    }

    @Test("--no-input never asks, even at a terminal")
    func noInput() throws {
        let outcome = try place().coop(["run", "--no-input", "--", "true"], input: .terminal(rows: 24, columns: 80))
        #expect(outcome.exitCode == 126 && !outcome.output.contains("[v]iew the files"), "\(outcome)")
    }

    @Test("trust --json says what is asked, approved and new")
    func json() throws {
        struct Report: Decodable {
            var version: Int
            var project: String
            var approved: Bool
            var asked: [String]
            var added: [String]
            var kept: [String]
        }
        struct Revocation: Decodable {
            var version: Int
            var revoked: Bool
        }
        let place = try place()
        let before = try place.coop(["trust", "--show", "--json"]).json(Report.self)
        #expect(
            before.version == 1 && before.project == place.project && !before.approved && before.asked.count == 3
                && before.added == before.asked)
        try place.coop(["trust", "--yes", "--json"]).expectSuccess()
        let after = try place.coop(["trust", "--show", "--json"]).json(Report.self)
        #expect(after.approved && after.kept == after.asked && after.asked.count == 3 && after.added.isEmpty)
        let first = try place.coop(["trust", "--revoke", "--json"]).json(Revocation.self)
        #expect(first.version == 1 && first.revoked)
        #expect(try place.coop(["trust", "--revoke", "--json"]).json(Revocation.self).revoked == false)
    }
}
