import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What `project list --json` says about a project.
private struct Summary: Decodable {
    var name: String
    var path: String
    var key: String
    var id: String
    var exists: Bool
    var worktree: String?
    var portOffset: Int?
}

private struct Listing: Decodable {
    var version: Int
    var projects: [Summary]
}

private struct Info: Decodable {
    struct Kept: Decodable {
        var home: Bool
        var secrets: [String]
        var environments: [String]
        var approvals: Bool
    }
    var project: Summary
    var isKnown: Bool
    var hostname: String
    var sandboxes: [String]
    var kept: Kept
}

@Suite struct ProjectCommandTests {
    private static let asking = "name = \"shop\"\n[sandbox]\nmounts = [\"/opt:/asked:ro\"]\n"
    static let input = ChildProcess.Input.bytes(Array("a value of a secret\n".utf8))

    private func projects(_ place: Sandboxed) throws -> [Summary] {
        try place.coop(["project", "list", "--json"], directory: "/").json(Listing.self).projects
    }

    /// Renames the project's directory.
    private func rename(_ place: Sandboxed, to name: String) throws -> String {
        let path = place.root + "/" + name
        try FileSystem.rename(place.project, to: path)
        return path
    }

    // MARK: - init and new

    @Test("init writes a coop.toml that is right, and never over another one", arguments: TestIdentity.ordinary)
    func initialise(_ identity: TestIdentity) throws {
        struct Report: Decodable {
            var version: Int
            var file: String
            var name: String
            var agent: String?
        }
        let place = try Sandboxed(identity)
        let report = try place.coop(["init", "--name", "shop", "--agent", "codex", "--json"]).json(Report.self)
        #expect(report.version == 1 && report.file == place("coop.toml") && report.name == "shop" && report.agent == "codex")
        let text = try place.text("coop.toml")
        #expect(text.contains("\nname = \"shop\"\n") && text.contains("\nagent = \"codex\"\n"))
        try place.coop(["config", "validate"]).expectSuccess()
        try place.run(["true"]).expectSuccess()
        try place.coop(["init", "--name", "other"]).expectError(1, "there is one already")
        #expect(try place.text("coop.toml") == text)
        #expect(try FileSystem.list(place.project) == ["coop.toml"])
    }

    @Test("init takes the directory's name and the agent that was used last, and refuses what cannot be")
    func defaults() throws {
        let place = try Sandboxed(anyone)
        for agent in ["codex", "claude"] {
            try place.write("../home/.local/bin/" + agent, "#!/bin/sh\n", mode: 0o755)
            try place.makeDirectory("../home/." + agent)
        }
        var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
        try check("utimensat") { (place.home + "/.claude").withOSBytes { utimensat(AT_FDCWD, $0, &times, 0) } }
        place.environment["PATH"] = place.home + "/.local/bin:" + Sandboxed.path
        let outcome = try place.coop(["init"])
        #expect(outcome.output == "Wrote coop.toml for `project`, which runs codex. Next: coop run\n", "\(outcome)")
        try FileSystem.removeFile(place("coop.toml"))
        try place.coop(["init", "--name", "a/b"]).expectError(2, "may not hold /")
        try place.coop(["init", "--agent", "cluade"]).expectError(2, "did you mean `claude`?")
        try place.coop(["init"], directory: place.home).expectError(126, "it is your home directory")
        #expect(!place.exists("coop.toml"))
    }

    @Test("new without a terminal takes the defaults: the hosts by the files that are there, and nothing is approved unless said")
    func new() throws {
        struct Report: Decodable {
            var project: Summary
            var network: String
            var bundles: [String]
            var approved: Bool
        }
        for approves in [false, true] {
            let place = try Sandboxed(anyone)
            try place.write("package.json", "{}")
            try place.write("Cargo.toml", "")
            let report = try place.coop(["project", "new", "--json"] + (approves ? ["--yes"] : [])).json(Report.self)
            #expect(report.network == "scoped" && report.bundles == ["npm", "crates"] && report.approved == approves)
            #expect(try projects(place).map(\.path) == [place.project])
            #expect(try place.run(["true"]).exitCode == (approves ? 0 : 126))
            try place.coop(["project", "new"]).expectError(1, "there is one already")
        }
        let place = try Sandboxed(anyone)
        try place.coop(["project", "new", "--bundle", "nmp"]).expectError(3, "did you mean `npm`?")
        try place.coop(["project", "new", "--network", "opne"]).expectError(2, "did you mean `open`?")
        #expect(try !place.exists("coop.toml") && projects(place).isEmpty)
    }

    @Test("new at a terminal asks, says what is wrong with an answer, and what was answered is approved")
    func form() throws {
        let place = try Sandboxed(anyone)
        try place.write("go.mod", "")
        let coop = try place.start(["project", "new"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("Name [project]: "))
        try coop.send("-x\n")
        #expect(try coop.waitForOutput("may not start with -"))
        try coop.send("shop\n")
        #expect(try coop.waitForOutput("Agent ("))
        try coop.send("codex\n")
        #expect(try coop.waitForOutput("Network (none, scoped, open) [scoped]: "))
        try coop.send("\n")
        #expect(try coop.waitForOutput("[go]: "))
        try coop.send("go, pypi\n")
        let outcome = try coop.wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains("Made the project `shop`"), "\(outcome)")
        #expect(try place.text("coop.toml").contains("bundles = [\"go\", \"pypi\"]"))
        try place.run(["true"]).expectSuccess()

        let other = try Sandboxed(anyone)
        let cancelled = try other.start(["project", "new"], input: .terminal(rows: 24, columns: 200))
        #expect(try cancelled.waitForOutput("Name [project]: "))
        try cancelled.send("\u{4}")
        #expect(try cancelled.wait().exitCode == 126)
        #expect(!other.exists("coop.toml"))
    }

    // MARK: - list, info, rm

    @Test("a project is known once something is kept for it, and info says what", arguments: TestIdentity.ordinary)
    func known(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let before = try place.coop(["project", "info", "--json"]).json(Info.self)
        #expect(!before.isKnown && before.project.name == "project" && before.hostname == "coop")
        #expect(try projects(place).isEmpty)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        try place.write("coop.toml", Self.asking)
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.run(["true"]).expectSuccess()
        let after = try place.coop(["project", "info", "--json"]).json(Info.self)
        #expect(after.isKnown && after.kept.home && after.kept.secrets == ["TOKEN"] && after.kept.approvals && after.project.name == "shop")
        let listed = try #require(try projects(place).first)
        #expect(listed.name == "shop" && listed.path == place.project && listed.exists && listed.id == after.project.id)
        #expect(try place.coop(["project", "info", "shop"], directory: "/").output.contains("secrets: TOKEN"))
        try place.coop(["project", "info", "shp"], directory: "/").expectError(1, "did you mean `shop`?", next: "coop project list")
        let file = place.coopHome + "/projects/" + listed.key + "/project.toml"
        #expect(try FileSystem.status(file).map { $0.st_mode & 0o777 } == 0o600)
    }

    @Test("a record that cannot be read is said, its project can be shown and forgotten, the next run makes it anew", arguments: [0, 1])
    func damaged(_ ending: Int) throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let directory = place.coopHome + "/projects/" + (try #require(try projects(place).first)).key
        try place.write(directory + "/project.toml", "version = 1\npath = oops\n", mode: 0o600)
        let list = try place.coop(["project", "list"], directory: "/")
        #expect(list.exitCode == 0 && list.output.split(separator: "\n").count == 1, "\(list)")
        #expect(list.error.contains(directory) && list.error.contains("belongs to: project.toml:2:8: "), "\(list)")
        #expect(list.error.hasSuffix("Next: cd PROJECT && coop run -- true   # makes its record anew\n"), "\(list)")
        let asJSON = try place.coop(["project", "list", "--json"], directory: "/")
        #expect(asJSON.output.contains("\"directory\" : \"\(directory)\""), "\(asJSON)")
        try place.coop(["project", "info", "project"], directory: "/")
            .expectError(1, "the records of 1 cannot be read", next: "coop project list")
        for arguments in [["project", "info"], ["project", "info", place.project]] {
            let info = try place.coop(arguments)
            #expect(info.output.contains("cannot be read: project.toml:2:8") && info.output.contains("secrets: TOKEN"), "\(info)")
        }
        if ending == 0 {
            try place.run(["true"]).expectSuccess()
            #expect(try projects(place).map(\.path) == [place.project])
        } else {
            try place.coop(["project", "rm", "--yes", place.project], directory: "/").expectSuccess()
            #expect(FileSystem.kind(directory) == nil)
        }
        #expect(try place.coop(["project", "list"], directory: "/").error.isEmpty)
    }

    @Test("rm without a terminal says what would go, and is refused")
    func removeRefused() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let outcome = try place.coop(["project", "rm", "project"])
        #expect(outcome.exitCode == 126 && outcome.error.contains("secrets: TOKEN"), "\(outcome)")
        #expect(outcome.error.hasSuffix("Next: coop project rm --yes project\n"), "\(outcome)")
        #expect(try place.coop(["secret", "list"]).output.contains("TOKEN"))
    }

    @Test("rm at a terminal takes y for an answer", arguments: ["n\n", "y\n"])
    func removeAsks(_ answer: String) throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let coop = try place.start(["project", "rm", "project"], input: .terminal(rows: 24, columns: 200))
        #expect(try coop.waitForOutput("Forget it? [y/N]"))
        #expect(coop.outputText.contains("secrets: TOKEN"))
        try coop.send(answer)
        #expect(try coop.wait().exitCode == (answer == "y\n" ? 0 : 126))
        #expect(try projects(place).isEmpty == (answer == "y\n"))
    }

    @Test("rm leaves nothing of coop's and everything of the project's", arguments: TestIdentity.ordinary)
    func removed(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", Self.asking)
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.shell("mkdir ~/d; echo x > ~/d/f; chmod 0 ~/d").expectSuccess()
        let kept = try place.start(["run", "--keep", "--name", "alive", "--", "true"])
        #expect(try kept.wait().exitCode == 0)
        try place.coop(["project", "rm", "--yes", "shop"]).expectError(4, "works on it")
        #expect(try projects(place).count == 1)
        try place.coop(["stop", "alive"]).expectSuccess()
        let before = try place.snapshot()
        try place.coop(["project", "rm", "--yes", place.project], directory: "/").expectSuccess()
        #expect(try place.snapshot() == before)
        #expect(try FileSystem.list(place.coopHome + "/projects") == [".lock"])
        #expect(try FileSystem.list(place.coopHome + "/trust") == [".lock"])
        try place.run(["true"]).expectError(126, next: "coop trust")
    }

    // MARK: - --project

    @Test("--project works from anywhere, by name, id or path; an ambiguous name lists the candidates", arguments: TestIdentity.ordinary)
    func chosen(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.run(["true"]).expectSuccess()
        let id = try #require(try projects(place).first?.id)
        for options in [["--project", "project"], ["--project=" + id], ["--project", place.project]] {
            #expect(try place.coop(options + ["run", "--", "pwd"], directory: "/").output == place.project + "\n")
            #expect(try place.coop(["run"] + options + ["--", "pwd"], directory: "/").output == place.project + "\n")
        }
        try place.coop(["--project", "project", "config", "set", "sandbox.pids", "99"], directory: "/").expectSuccess()
        #expect(try place.text("coop.toml").contains("pids = 99"))
        #expect(try place.coop(["run", "--", "printf", "%s", "--project"], directory: place.project).output == "--project")
        try place.coop(["--project", "projcet", "run", "true"], directory: "/").expectError(125, "did you mean `project`?")
        try place.coop(["--project"]).expectError(2, "needs the name")
        let second = try place.makeDirectory(place.root + "/second/project")
        try place.coop(["secret", "add", "TOKEN"], directory: second, input: Self.input).expectSuccess()
        try place.coop(["--project", "project", "secret", "list"], directory: "/").expectError(2, place.project, second)
        #expect(try place.coop(["--project", second, "secret", "list"], directory: "/").output.contains("TOKEN"))
        let kept = try place.coop(["--project", second, "run", "--keep", "--name", "far", "--", "true"], directory: "/")
        kept.expectSuccess()
        #expect(try place.coop(["exec", "far", "--", "pwd"], directory: "/").output == second + "\n")
        try place.coop(["stop", "far"]).expectSuccess()
    }

    // MARK: - Moved directories

    @Test("a renamed directory keeps its home, secrets and approvals, and says so once", arguments: TestIdentity.ordinary)
    func moved(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", Self.asking)
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        try place.shell("echo mine > ~/mark").expectSuccess()
        let id = try #require(try projects(place).first?.id)
        let new = try rename(place, to: "renamed")
        let outcome = try place.coop(["run", "--", "sh", "-c", "cat ~/mark; ls -d /asked"], directory: new)
        #expect(outcome.output == "mine\n/asked\n", "\(outcome)")
        #expect(outcome.error.contains("this project was at \(place.project)"))
        let again = try place.coop(["secret", "list"], directory: new)
        #expect(again.output.contains("TOKEN") && again.errorBytes.isEmpty)
        #expect(try projects(place).map { [$0.path, $0.id] } == [[new, id]])
        // What was approved holds for the same bytes only.
        try FileSystem.replace(new + "/coop.toml", with: (Self.asking + "#").utf8, mode: 0o644)
        try place.give(new + "/coop.toml")
        #expect(try place.coop(["run", "--", "true"], directory: new).exitCode == 126)
        #expect(try place.coop(["audit", "show", "--json"], directory: new).output.contains("moved"))
    }

    @Test("a mark of a file that a sandbox wrote goes along")
    func movedMarks() throws {
        let place = try Sandboxed(anyone)
        try place.shell("printf 'name = \"x\"\\n' > coop.toml").expectSuccess()
        let new = try rename(place, to: "renamed")
        try place.coop(["run", "--", "true"], directory: new).expectError(126, "coop.toml was written by a sandbox")
    }

    @Test("a copy takes nothing over, whether the first directory is there or not")
    func copied() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", Self.asking)
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let copy = place.root + "/copy"
        #expect(try place.outside(["cp", "-a", place.project, copy]).exitCode == 0)
        for gone in [false, true] {
            if gone { #expect(try place.outside(["rm", "-r", place.project]).exitCode == 0) }
            let listing = try place.coop(["secret", "list"], directory: copy)
            #expect(!listing.output.contains("TOKEN") && listing.errorBytes.isEmpty)
            #expect(try place.coop(["run", "--", "true"], directory: copy).exitCode == 126)
        }
    }

    @Test("a directory that takes the inode of one that is gone is another project")
    func reused() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let inode = try FileSystem.status(place.project)?.st_ino
        try FileSystem.removeTree(place.project)
        for number in 0..<32 {
            let path = try place.makeDirectory(place.root + "/other\(number)")
            guard try FileSystem.status(path)?.st_ino == inode else { continue }
            #expect(try !place.coop(["secret", "list"], directory: path).output.contains("TOKEN"))
            break
        }
    }

    @Test("what a sandbox can write says nothing about which project it is", arguments: TestIdentity.ordinary)
    func forged(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let record = try #require(try projects(place).first)
        let file = try FileSystem.read(place.coopHome + "/projects/" + record.key + "/project.toml")
        let evil = try place.makeDirectory("../evil")
        // The record, word by word, in the places of a directory that a sandbox can write to, and nothing is kept for it yet.
        for name in ["project.toml", ".coop/project.toml", "coop.toml"] {
            try place.write("../evil/" + name, name == "coop.toml" ? "name = \"project\"\n" : String(osBytes: file))
        }
        try FileSystem.removeTree(place.project)
        let listing = try place.coop(["secret", "list"], directory: evil)
        #expect(!listing.output.contains("TOKEN"), "\(listing)")
    }

    @Test("nothing is taken over while a sandbox works at the old path")
    func movedAlive() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["run", "--keep", "--name", "alive", "--", "true"]).expectSuccess()
        let new = try rename(place, to: "renamed")
        try place.coop(["secret", "list"], directory: new).expectError(4, "works on it")
        _ = try place.coop(["stop", "alive"], directory: "/")
        #expect(try place.coop(["secret", "list"], directory: new).error.contains("this project was at"))
    }

    @Test("move gives the state of a project that is gone to a copy; of one that is there it does not")
    func moveByHand() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let copy = place.root + "/copy"
        #expect(try place.outside(["cp", "-a", place.project, copy]).exitCode == 0)
        try place.coop(["project", "move", "project"], directory: copy).expectError(126, "is still there")
        try FileSystem.removeTree(place.project)
        try place.coop(["--project", "project", "secret", "list"], directory: "/").expectError(
            1, "is gone", next: "cd WHERE-IT-IS-NOW && coop project move project")
        try place.coop(["project", "move", "project"], directory: copy).expectSuccess()
        #expect(try place.coop(["secret", "list"], directory: copy).output.contains("TOKEN"))
        let other = try place.makeDirectory(place.root + "/other")
        try place.coop(["secret", "add", "OWN"], directory: other, input: Self.input).expectSuccess()
        try FileSystem.removeTree(copy)
        try place.coop(["project", "move", "project"], directory: other).expectError(126, "something is kept for this project already")
    }

    /// strace(1) kills the command when it is about to make its nth change to the file system.
    private static let strace = "/usr/bin/strace"

    @Test("killed at any of its writes, a move is finished by the next command", .enabled(if: FileSystem.isExecutable(strace)))
    func movedKilled() throws {
        var kills = 0
        for call in ["rename", "unlink", "write", "fsync", "fchmod"] {
            // strace counts each call by itself.
            for number in 1...30 {
                guard try killed(call, number) else { break }
                kills += 1
            }
        }
        #expect(kills >= 8, "the command was killed \(kills) times")
    }

    /// Moves a project, kills the next command at a change, and looks whether the one after that finds everything.
    ///
    /// - Returns: whether the command got that far.
    private func killed(_ call: String, _ number: Int) throws -> Bool {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", Self.asking)
        try place.coop(["trust", "--yes"]).expectSuccess()
        try place.coop(["secret", "add", "TOKEN"], input: Self.input).expectSuccess()
        let new = try rename(place, to: "renamed")
        let outcome = try ChildProcess.run(
            place.identity.arguments(
                [Self.strace, "-o", "/dev/null", "-e", "inject=\(call):signal=KILL:when=\(number)", try BuiltPrograms.coop()]
                    + ["trust", "--show"]),
            environment: place.environment, directory: new)
        guard outcome.exitCode == 137 else { return false }
        let when = "killed at \(call) \(number)"
        let after = try place.coop(["run", "--", "ls", "-d", "/asked"], directory: new)
        #expect(after.output == "/asked\n", "\(when): \(after)")
        #expect(try place.coop(["secret", "list"], directory: new).output.contains("TOKEN"), "\(when)")
        #expect(try place.coop(["project", "list", "--json"], directory: "/").json(Listing.self).projects.map(\.path) == [new], "\(when)")
        #expect(try FileSystem.list(place.coopHome + "/trust").filter { !$0.hasSuffix(".tmp") }.count == 2, "\(when)")
        return true
    }
}
