import Glibc
import LinuxKernel
import Review
import Testing

/// What no pattern says: what files are, whatever they are called.
@Suite struct LandingPropertyTests {
    private func rules(_ change: Change, root: String = "/nonexistent/tree") -> [String] {
        LandingGate(rules: [], root: root).findings(in: [change]).map(\.rule)
    }

    private func rules(_ path: String, _ before: FileVersion?, _ after: FileVersion, root: String = "/nonexistent/tree") -> [String] {
        rules(Change(path: path, before: before, after: after), root: root)
    }

    @Test func `set-user-id and set-group-id`() {
        #expect(rules("a.txt", nil, .file("x", mode: 0o4644)) == ["set-id"])
        #expect(rules("a.txt", .file("x"), .file("x", mode: 0o2644)) == ["set-id"])
        #expect(rules("a.txt", .file("x", mode: 0o4755), .file("y", mode: 0o4755)) == ["set-id"])
        #expect(rules("a.txt", .file("x", mode: 0o4755), .file("x", mode: 0o4700)) == [])
        #expect(rules("a.txt", .file("x", mode: 0o4755), .file("x", mode: 0o755)) == [])
        #expect(rules("a.txt", nil, .file("x", mode: 0o1644)) == [])
    }

    @Test func `links that lead out of the tree`() throws {
        for target in [
            "/etc/passwd", "../x", "../../x", "a/../../../x", "/", "..", "/nonexistent/tree2/x", "/proc/self/root", "d/../e", "./../x",
        ] {
            #expect(
                rules("d/l", nil, .symlink(target)) == (target == "../x" || target == ".." || target == "./../x" ? [] : ["link-out"]),
                "\(target)")
        }
        for target in ["x", "./x", "x/y", "/nonexistent/tree/x", "."] { #expect(rules("l", nil, .symlink(target)) == [], "\(target)") }
        #expect(rules("l", .symlink("../x"), .symlink("../x")) == [])
        #expect(rules("l", .file("text"), .symlink("other")) == ["link-instead"])
        #expect(rules("l", .symlink("other"), .symlink("another")) == [])

        // Through a link of the user's own that leads out.
        let scratch = try Scratch()
        let root = scratch("tree")
        try FileSystem.makeDirectories(root)
        symlink("/etc", root + "/data")
        symlink("inside", root + "/alias")
        #expect(rules("l", nil, .symlink("data/passwd"), root: root) == ["link-out"])
        #expect(rules("d/l", nil, .symlink("../data/passwd"), root: root) == ["link-out"])
        #expect(rules("l", nil, .symlink("alias/x"), root: root) == [])
        symlink("loop", root + "/loop")
        #expect(rules("l", nil, .symlink("loop/x"), root: root) == ["link-out"])
    }

    @Test func `programs`() {
        let elf: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0]
        #expect(rules("tool", nil, .file(bytes: elf, mode: 0o755)) == ["program"])
        #expect(rules("data.bin", nil, .file(bytes: elf)) == ["program"])
        #expect(rules("tool", .file(bytes: elf), .file(bytes: elf + [1])) == ["program"])
        #expect(rules("tool", .file(bytes: elf), .file(bytes: elf, mode: 0o600)) == [])
        #expect(rules("x", nil, .file(bytes: [0xCF, 0xFA, 0xED, 0xFE, 7])) == ["program"])
        #expect(rules("x", nil, .file(bytes: [0x4D, 0x5A, 0x90, 0, 3, 0, 0, 0])) == ["program"])
        #expect(rules("x.md", nil, .file("MZ is how they begin\n")) == [])
        #expect(rules("run.sh", nil, .file("#!/bin/sh\n", mode: 0o755)) == ["program"])
        #expect(rules("run.sh", .file("#!/bin/sh\n"), .file("#!/bin/sh\n", mode: 0o755)) == ["program"])
        #expect(rules("run", nil, .file("echo\n", mode: 0o755)) == ["program"])
        // Source files, on a file system that shows every file as executable as well.
        #expect(rules("run.sh", nil, .file("#!/bin/sh\n")) == [])
        #expect(rules("run.sh", .file("#!/bin/sh\n", mode: 0o755), .file("#!/bin/sh\necho\n", mode: 0o755)) == [])
        #expect(rules("main.c", nil, .file("int main;\n", mode: 0o777)) == [])
        #expect(rules("empty", nil, .file("", mode: 0o755)) == [])
        #expect(rules("photo.png", nil, .file(bytes: [0x89, 0x50, 0x4E, 0x47])) == [])
    }

    @Test func `what git takes for a repository`() {
        #expect(rules("x/HEAD", nil, .file("ref: refs/heads/main\n")) == ["repository"])
        #expect(rules("HEAD", nil, .file("ref:refs/heads/main")) == ["repository"])
        #expect(rules("x/head", nil, .file(String(repeating: "a1", count: 20) + "\n")) == ["repository"])
        #expect(rules("x/HEAD", nil, .symlink("refs/heads/main")) == ["repository"])
        #expect(rules("HEAD", nil, .file("HEAD of the department\n")) == [])
        #expect(rules("x/HEAD.md", nil, .file("ref: refs/heads/main\n")) == [])
    }

    @Test func `names that shells and terminals obey, and special files`() {
        #expect(rules("--checkpoint-action=exec=sh", nil, .file("")) == ["name"])
        #expect(rules("d/-rf", nil, .file("")) == ["name"])
        #expect(rules("d/a\nb", nil, .file("")) == ["name"])
        #expect(rules("-rf", .file("a"), .file("b")) == [])
        #expect(rules("a-b", nil, .file("")) == [])
        #expect(
            rules("s", nil, FileVersion(kind: .other(what: "a socket"), mode: 0o600) { throw SystemError("open", "s", errno: ENXIO) }) == [
                "special"
            ])
    }

    @Test func `what cannot be read counts`() throws {
        let unreadable = FileVersion(kind: .file, mode: 0o644, size: 5) { throw SystemError("open", "x", errno: EACCES) }
        #expect(rules("x", nil, unreadable) == ["program"])
        let gate = LandingGate(rules: try LandingRules.builtIn(), root: "/nonexistent")
        #expect(gate.findings(in: [Change(path: "package.json", before: .file("{}"), after: unreadable)]).count == 1)
    }
}
