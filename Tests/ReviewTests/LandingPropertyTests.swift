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

    @Test func `programs that are no program of this machine's, and parts of them`() {
        for start in [
            "!<arch>\n", "!<thin>\n", "BC\u{C0}\u{DE}", "\u{CA}\u{FE}\u{D0}\u{0D}", "dex\n035", "\u{1B}Lua", "\u{1B}LJ", "\0asm",
        ] {
            let bytes = start.unicodeScalars.map { UInt8($0.value) }
            #expect(rules("data", nil, .file(bytes: bytes + Array("and more".utf8))) == ["program"], "\(start.debugDescription)")
        }
        // A header of Windows without a NUL among its first bytes.
        let windows: [UInt8] = [0x4D, 0x5A] + Array(repeating: 0x41, count: 58) + [0x80, 0, 0, 0]
        #expect(rules("data", nil, .file(bytes: windows)) == ["program"])
        #expect(rules("data", .file(bytes: windows), .file(bytes: windows + [1])) == ["program"])
    }

    @Test func `what lies in an environment, whatever it is called`() throws {
        let scratch = try Scratch()
        let root = scratch("tree")
        try scratch.write("tree/tools/py/pyvenv.cfg", [])
        try scratch.write("tree/conda/conda-meta/history", [])
        let script = FileVersion.file("#!/bin/sh\n", mode: 0o755)
        let other = FileVersion.file("#!/bin/bash\n", mode: 0o755)
        for path in ["tools/py/bin/pytest", "tools/py/lib/x.py", "conda/bin/tool", "tools/py/a/b/c"] {
            #expect(rules(path, script, other, root: root) == ["environment"], "\(path)")
            #expect(rules(path, nil, .file("text"), root: root) == ["environment"], "\(path)")
            #expect(rules(path, script, .file("#!/bin/sh\n", mode: 0o700), root: root) == [], "\(path)")
        }
        #expect(rules("tools/bin/pytest", script, other, root: root) == [])
        try scratch.write("tree/pyvenv.cfg", [])
        #expect(rules("bin/pytest", script, other, root: root) == ["environment"])
        #expect(rules("src/main.py", nil, .file("text"), root: root) == [])
    }

    @Test func `what git takes for a repository`() {
        #expect(rules("x/HEAD", nil, .file("ref: refs/heads/main\n")) == ["repository"])
        #expect(rules("HEAD", nil, .file("ref:refs/heads/main")) == ["repository"])
        #expect(rules("x/head", nil, .file(String(repeating: "a1", count: 20) + "\n")) == ["repository"])
        #expect(rules("x/HEAD", nil, .symlink("refs/heads/main")) == ["repository"])
        #expect(rules("HEAD", nil, .file("HEAD of the department\n")) == [])
        #expect(rules("x/HEAD.md", nil, .file("ref: refs/heads/main\n")) == [])
    }

    @Test func `what makes a repository of a directory that is half of one`() throws {
        let scratch = try Scratch()
        let root = scratch("tree")
        try scratch.write("tree/fixtures/a.git/HEAD", Array("ref: refs/heads/main\n".utf8))
        try scratch.write("tree/src/HEAD", Array("of the department\n".utf8))
        for name in [
            "config", "objects/x", "refs/.keep", "hooks/post-checkout", "config.worktree", "commondir", "CONFIG", "info/attributes",
        ] {
            #expect(rules("fixtures/a.git/" + name, nil, .file("x"), root: root) == ["repository"], "\(name)")
            #expect(rules("fixtures/a.git/" + name, .file("x"), .file("y"), root: root) == ["repository"], "\(name)")
            for other in ["fixtures/", "src/", ""] { #expect(rules(other + name, nil, .file("x"), root: root) == [], "\(other)\(name)") }
        }
        #expect(rules("fixtures/a.git/description", nil, .file("x"), root: root) == [])
    }

    @Test func `links into what git obeys`() {
        for target in [".git", ".git/hooks", "../.git/config", "./.GIT/x", "/nonexistent/tree/.git/hooks", "../sub/.git"] {
            #expect(rules("d/l", nil, .symlink(target)) == ["link-out"], "\(target)")
        }
        #expect(rules("d/l", nil, .symlink("../.github/x")) == [])
    }

    @Test func `names that look like others`() {
        for name in ["a\u{200B}b", "a\u{202E}cod.exe", "\u{2066}x", "a\u{E0041}", "a\u{9B}31m", "x\u{FEFF}", "a\u{AD}b", "\u{3164}"] {
            #expect(rules("d/" + name, nil, .file("")) == ["name"], "\(name.printable)")
        }
        // Scripts and emoji need these.
        for name in ["\u{645}\u{6CC}\u{200C}\u{62E}", "\u{1F468}\u{200D}\u{1F4BB}.md", "1\u{FE0F}\u{20E3}", "caf\u{E9}", "日本語"] {
            #expect(rules("d/" + name, nil, .file("")) == [], "\(name)")
        }
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
        #expect(rules("x", nil, unreadable) == ["unreadable"])
        #expect(rules("HEAD", nil, unreadable) == ["unreadable"])
        #expect(rules("x", .file("12345"), unreadable) == ["unreadable"])
        let gate = LandingGate(rules: try LandingRules.builtIn(), root: "/nonexistent")
        #expect(gate.findings(in: [Change(path: "package.json", before: .file("{}"), after: unreadable)]).count == 1)
    }
}
