import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct InputFileTests {
    @Test("a file appears inside as a copy that nobody changes", arguments: TestIdentity.all)
    func copied(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("notes.txt", "in the project\n")
        try place.write("../elsewhere.txt", "elsewhere\n")
        let outcome = try place.shell(
            """
            cd "$COOP_INPUTS" && ls && cat notes.txt other.txt
            echo changed > notes.txt; rm other.txt; touch new; chmod 666 notes.txt; mv notes.txt moved
            cat notes.txt; echo changed > \(place("notes.txt")); cat notes.txt
            """, options: ["--input-file", "notes.txt", "--input-file", "../elsewhere.txt:other.txt"])
        #expect(
            outcome.output == "notes.txt\nother.txt\nin the project\nelsewhere\nin the project\nin the project\n", "\(outcome)")
        #expect(outcome.error.split(separator: "\n").count { $0.contains("Read-only file system") } == 5, "\(outcome)")
        #expect(try place.remains().isEmpty)
        #expect(try place.run(["sh", "-c", "echo ${COOP_INPUTS-none}"]).output == "none\n")
    }

    @Test("a link that a repository or a sandbox may have put there is not followed", arguments: TestIdentity.ordinary)
    func links(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("../outside/secret", "secret\n")
        try place.link("link", to: place.root + "/outside/secret")
        try place.link("directory", to: place.root + "/outside")
        try place.link("../named", to: place.root + "/outside/secret")
        try place.makeDirectory("sub")
        for file in ["link", "directory/secret", "./sub/../link", place("directory/secret"), "../named"] {
            for command in [["run"], ["explain"]] {
                let outcome = try place.coop(command + ["--input-file", file, "--", "sh", "-c", "cat $COOP_INPUTS/*"])
                #expect(outcome.exitCode == 126 && outcome.error.contains("leads to \(place.root)/outside/secret"), "\(file): \(outcome)")
                #expect(!outcome.output.contains("secret"))
            }
        }
        let meant = try place.run(["cat", "/run/coop/inputs/link"], options: ["--input-file", place.root + "/outside/secret:link"])
        #expect(meant.output == "secret\n", "\(meant)")
        let coops = try place.coop(["secret", "add", "TOKEN"], input: .bytes(Array("v".utf8)))
        coops.expectSuccess()
        try place.run(["true"], options: ["--input-file", place.coopHome + "/audit/key"]).expectError(126, "coop's own directory")
    }

    @Test("what cannot be handed over is said")
    func mistakes() throws {
        let place = try Sandboxed(anyone)
        try place.write("f", "x")
        try place.write("a:b", "with a colon")
        try place.makeDirectory("d")
        func refused(_ code: Int32, _ why: String, _ files: String...) throws {
            try place.run(["true"], options: files.flatMap { ["--input-file", $0] }).expectError(code, why)
        }
        try refused(125, "it is not a regular file", "d")
        try refused(125, "nothing is there", "missing")
        try refused(125, "it is not the name of a file", "f:a/b")
        try refused(125, "it is not the name of a file", "f:..")
        try refused(125, "it is empty", "f:")
        try refused(125, "taken for an option", "f:-rf")
        try refused(125, "it holds control characters", "f:a\u{1B}[2J")
        try refused(125, "two inputs are called `f`", "f", "a:b:f")
        #expect(try place.run(["cat", "/run/coop/inputs/a:b"], options: ["--input-file", "a:b"]).output == "with a colon")
        try place.coop(["shell", "--input-file", "f", "abcd"]).expectError(125, "a running sandbox")
        #expect(try FileSystem.list(place.coopHome + "/run").isEmpty)
    }

    @Test("64 MiB each and 256 MiB together are the most")
    func limits() throws {
        let place = try Sandboxed(anyone)
        for (name, megabytes) in [("large", 64), ("larger", 65), ("b", 64), ("c", 64), ("d", 64), ("e", 1)] {
            let path = try place.write(name, "")
            try check("truncate") { path.withOSBytes { truncate($0, off_t(megabytes) << 20) } }
        }
        let outcome = try place.run(["stat", "-c", "%s", "/run/coop/inputs/large"], options: ["--input-file", "large"])
        #expect(outcome.output == "\(64 << 20)\n", "\(outcome)")
        try place.run(["true"], options: ["--input-file", "larger"]).expectError(125, "more than 64 MiB")
        try place.run(["true"], options: ["large", "b", "c", "d", "e"].flatMap { ["--input-file", $0] }).expectError(
            125, "more than 256 MiB")
    }
}
