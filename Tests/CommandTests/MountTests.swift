import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct MountTests {
    @Test("a mount is writable, and :ro is really read-only", arguments: TestIdentity.all)
    func readOnly(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let data = try outside(place, "data", file: "old")
        let options = ["-m", data + ":/rw", "-m", data + ":/ro:ro"]
        let outcome = try place.shell(
            "cat /ro/file; echo new > /rw/file && cat /ro/file; touch /ro/x; rm /ro/file; chmod 777 /ro; mv /ro/file /ro/y; echo z >> /ro/file; cat /ro/file",
            options: options)
        #expect(outcome.output == "old\nnew\nnew\n", "\(outcome)")
        #expect(outcome.error.components("Read-only file system") == 5, "\(outcome)")
        #expect(try String(osBytes: FileSystem.read(data + "/file")) == "new\n")
        #expect(try FileSystem.list(data) == ["file"])
    }

    @Test("without a GUEST the path is the same inside; relative paths and ~ are the caller's", arguments: TestIdentity.all)
    func forms(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let data = try outside(place, "data", file: "same")
        #expect(try place.run(["cat", data + "/file"], options: ["-m", data]).output == "same\n")
        #expect(try place.run(["cat", data + "/file"], options: ["--mount=../data:ro"]).output == "same\n")
        #expect(try place.run(["cat", "/d/file"], options: ["-m", "../data:/d"]).output == "same\n")
        try FileSystem.makeDirectories(place.home + "/h", mode: 0o755)
        try FileSystem.replace(place.home + "/h/f", with: "home\n".utf8, mode: 0o644)
        try place.give(place.home + "/h")
        #expect(try place.run(["cat", place.home + "/h/f"], options: ["-m", "~/h:ro"]).output == "home\n")
        #expect(try place.run(["cat", "/h/f"], options: ["-m", "~/h:/h:rw"]).output == "home\n")
        #expect(try place.run(["cat", "/h"], options: ["-m", "~/h/f:/h"]).output == "home\n")
    }

    @Test("a single file is mounted, alone and read-only if asked", arguments: TestIdentity.all)
    func file(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let data = try outside(place, "data", file: "one")
        let outcome = try place.shell("ls /x; cat /x/f; echo two > /x/f", options: ["-m", data + "/file:/x/f:ro"])
        #expect(outcome.output == "f\none\n" && outcome.error.contains("Read-only"), "\(outcome)")
    }

    @Test("names with spaces, quotes, backslashes and bytes that are no text work", arguments: TestIdentity.all)
    func names(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["a b", "it's", "back\\slash", "tab\\011", "ünï", "-dash", String(osBytes: [0x62, 0xFF, 0x80])] {
            let data = try outside(place, name, file: "x")
            let outcome = try place.run(["cat", data + "/file"], options: ["-m", data + ":ro"])
            // Bytes outside UTF-8 are refused in a setting, which is text; the workspace may have them.
            if name.osBytes.contains(0xFF) {
                outcome.expectError(125, "control characters")
            } else {
                #expect(outcome.output == "x\n", "\(name.printable): \(outcome)")
            }
        }
    }

    @Test("a workspace may have a name of any bytes", arguments: TestIdentity.all)
    func workspaceName(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["a b", "q'\"$(x)", String(osBytes: [0x62, 0xFF, 0x80]), "new\nline", ":colon:"] {
            let directory = try place.makeDirectory(name)
            let outcome = try place.coop(["run", "--", "sh", "-c", "pwd; echo made > here"], directory: directory)
            #expect(outcome.outputBytes == directory.osBytes + [10], "\(outcome)")
            #expect(try FileSystem.list(directory) == ["here"])
        }
    }

    @Test("a link as the source shows what it leads to, at the name it was given by", arguments: TestIdentity.all)
    func links(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let data = try outside(place, "data", file: "linked")
        let link = place.root + "/link"
        try check("symlink") { symlink(data, link) }
        #expect(try place.run(["cat", link + "/file"], options: ["-m", link]).output == "linked\n")
        // A link to coop's own directory is still that directory.
        let trick = place.root + "/trick"
        try check("symlink") { symlink(place.coopHome, trick) }
        try place.run(["true"], options: ["-m", trick + ":/x"]).expectError(126, "coop's own directory")
    }

    @Test("mounts may lie in each other, whatever their order", arguments: TestIdentity.all)
    func nested(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let (outer, inner) = (try outside(place, "outer", file: "outer"), try outside(place, "inner", file: "inner"))
        try FileSystem.makeDirectories(outer + "/sub", mode: 0o755)
        try place.give(outer + "/sub")
        for options in [["-m", outer + ":/d", "-m", inner + ":/d/sub"], ["-m", inner + ":/d/sub", "-m", outer + ":/d"]] {
            #expect(try place.run(["cat", "/d/file", "/d/sub/file"], options: options).output == "outer\ninner\n")
        }
        #expect(try FileSystem.list(outer + "/sub").isEmpty)
    }

    @Test("nothing of the host makes room for a mount: files stay, links stay, made directories go", arguments: TestIdentity.all)
    func room(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let data = try outside(place, "data", file: "d")
        try place.write("file", "precious")
        try place.write("dir/f", "f")
        try place.link("link", to: "dir")
        let before = try place.snapshot()
        func run(_ target: String, _ source: String) throws -> ChildProcess.Outcome {
            try place.run(["ls", place(target)], options: ["-m", source + ":" + place(target)])
        }
        try run("file", data).expectError(126, "is a file, and \(data) is a directory")
        try run("file/below", data).expectError(126, "is no directory")
        try run("dir", data + "/file").expectError(126, "it is a directory")
        try run("link", data).expectError(126, "is a symbolic link")
        try run("link/x", data).expectError(126, "is a symbolic link")
        try run("new", data + "/file").expectError(126, "nothing is there")
        #expect(try run("new/deep/er", data).output == "file\n")
        #expect(try run("dir", data).output == "file\n")
        #expect(try place.run(["cat", place("file")], options: ["-m", data + "/file:" + place("file")]).output == "d\n")
        #expect(try place.snapshot() == before)
    }

    @Test("coop's own directory is never mounted, nor what holds it", arguments: TestIdentity.all)
    func coopHome(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for source in [place.coopHome, place.root, place.coopHome + "/run", "/", "/tmp/."] {
            if FileSystem.kind(source) == nil { continue }
            try place.run(["true"], options: ["-m", source + ":/x"]).expectError(126, "it holds coop's own directory")
        }
    }

    @Test("what the user cannot read stays unreadable inside", arguments: TestIdentity.ordinary)
    func permissions(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.run(["cat", "/x"], options: ["-m", "/etc/shadow:/x:ro"])
        #expect(outcome.exitCode == 1 && outcome.error.contains("Permission denied"), "\(outcome)")
    }

    @Test("excluded directories are private and empty, excluded files empty", arguments: TestIdentity.all)
    func excludes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nexcludes = [\"node_modules\", \"a/missing\", \".env\"]\n")
        try place.write("node_modules/m/index.js", "host")
        try place.write(".env", "SECRET=1\n")
        try place.write("a/f", "f")
        let before = try place.snapshot()
        let outcome = try place.shell(
            "ls node_modules a/missing; wc -c < .env; touch node_modules/x a/missing/y && echo made; echo x > .env; mv node_modules z")
        #expect(outcome.output == "a/missing:\n\nnode_modules:\n0\nmade\n", "\(outcome)")
        #expect(outcome.error.contains("Device or resource busy"), "an excluded directory cannot be moved away: \(outcome)")
        #expect(try place.snapshot() == before)
    }

    @Test("a repository in an excluded directory does not stop the sandbox", arguments: TestIdentity.all)
    func excludedRepository(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nexcludes = [\"vendor\"]\n")
        try place.makeDirectory("vendor/dep")
        try place.outside(["git", "init", "-q", "vendor/dep"]).expectSuccess()
        try place.makeDirectory("vendor/.vscode")
        #expect(try place.shell("ls -A vendor").output == "")
    }

    @Test("an excluded link is an error that names it, and stays")
    func excludedLink() throws {
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nexcludes = [\"l\"]\n")
        try place.link("l", to: "/usr")
        try place.run(["true"]).expectError(125, "cannot exclude l", "symbolic link", "coop.toml:3:13")
        #expect(FileSystem.readLink(place("l")) == "/usr")
    }

    @Test("--workdir is where the command starts, relative to where the user stands", arguments: TestIdentity.all)
    func workdir(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n")
        try place.makeDirectory("sub/deep")
        #expect(try place.coop(["run", "pwd"], directory: place("sub")).output == place("sub") + "\n")
        #expect(try place.coop(["run", "--workdir", "deep", "pwd"], directory: place("sub")).output == place("sub/deep") + "\n")
        #expect(try place.coop(["run", "--workdir", "../", "pwd"], directory: place("sub")).output == place.project + "\n")
        #expect(try place.run(["sh", "-c", "pwd; echo $PWD"], options: ["--workdir", "/usr/lib"]).output == "/usr/lib\n/usr/lib\n")
        try place.run(["pwd"], options: ["--workdir", place.coopHome]).expectError(125, "cannot start in the working directory")
    }

    @Test("--workspace none shows nothing of the project and keeps nothing", arguments: TestIdentity.all)
    func noWorkspace(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("file", "x")
        let before = try place.snapshot()
        let outcome = try place.shell("pwd; ls -A; touch new", options: ["--workspace", "none"])
        #expect(outcome.output == place.project + "\n" && outcome.exitCode == 0, "\(outcome)")
        #expect(try place.snapshot() == before)
    }

    private func outside(_ place: Sandboxed, _ name: String, file: String) throws -> String {
        let path = place.root + "/" + name
        try FileSystem.makeDirectories(path, mode: 0o755)
        try FileSystem.replace(path + "/file", with: (file + "\n").utf8, mode: 0o644)
        try place.give(path)
        try place.give(path + "/file")
        return path
    }
}

extension String {
    /// How often `part` occurs.
    func components(_ part: String) -> Int { split(separator: part, omittingEmptySubsequences: false).count - 1 }
}
