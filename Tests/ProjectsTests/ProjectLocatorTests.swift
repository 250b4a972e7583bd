import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Testing

@Suite("A project is found")
struct ProjectLocatorTests {
    let scratch: Scratch
    let home: CoopHome

    init() throws {
        scratch = try Scratch()
        home = try scratch.home()
    }

    func locate(_ name: String, shown: String? = nil) throws -> Project {
        try ProjectLocator(home: home).project(at: scratch(name), shown: shown)
    }

    @Test("at the nearest coop.toml, even above a git repository")
    func configurationFile() throws {
        try scratch.write("home/a/coop.toml", "")
        _ = try scratch.directory("home/a/b/.git")
        _ = try scratch.directory("home/a/b/c")
        #expect(try locate("home/a/b/c").root == scratch("home/a"))
        #expect(try locate("home/a/b/c").evidence == .configurationFile)
        try scratch.write("home/a/b/coop.toml", "")
        #expect(try locate("home/a/b/c").root == scratch("home/a/b"))
    }

    @Test("at the top of a git work tree, with .git a directory or a file")
    func git() throws {
        _ = try scratch.directory("home/r/.git")
        _ = try scratch.directory("home/r/x/y")
        #expect(try locate("home/r/x/y").root == scratch("home/r"))
        #expect(try locate("home/r/x/y").evidence == .gitTopLevel)
        try scratch.write("home/w/.git", "gitdir: /nowhere\n")
        #expect(try locate("home/w").root == scratch("home/w"))
    }

    @Test("in the current directory otherwise, not in the home directory above")
    func current() throws {
        _ = try scratch.directory("home/plain/sub")
        try scratch.write("home/coop.toml", "")
        _ = try scratch.directory("home/.git")
        #expect(try locate("home/plain/sub").root == scratch("home/plain/sub"))
        #expect(try locate("home/plain/sub").evidence == .currentDirectory)
    }

    @Test(
        "never in the home directory, above it, the root, or coop's own directory",
        arguments: ["home", ".", "/", "home/.coop", "home/.coop/run/x"])
    func forbidden(name: String) throws {
        _ = try scratch.directory("home/.coop/run/x")
        let error = coopError { try locate(name) }
        #expect(error?.code == .refused && error?.next?.isEmpty == false)
    }

    @Test("not around coop's own directory")
    func aroundCoopHome() throws {
        let inside = try scratch.directory("home/p/.coop")
        let userHome = scratch("home")
        let home = try CoopHome.locate { ["HOME": userHome, "COOP_HOME": inside][$0] }
        #expect(coopError { try ProjectLocator(home: home).project(at: scratch("home/p")) }?.code == .refused)
    }

    @Test("by its real path, and keeps the path that the user sees")
    func shownPath() throws {
        _ = try scratch.directory("home/real/sub")
        try scratch.write("home/real/coop.toml", "")
        scratch.link("home/alias", to: scratch("home/real"))
        let project = try locate("home/alias/sub", shown: scratch("home/alias/sub"))
        #expect(project.root == scratch("home/real"))
        #expect(project.shownRoot == scratch("home/alias"))
        #expect(project.key == ProjectKey(path: scratch("home/real")))
        #expect(try locate("home/alias/sub", shown: "/tmp").shownRoot == scratch("home/real"))
    }

    @Test("but not in a bare repository, whose work trees are named")
    func bare() throws {
        for name in ["objects", "refs", "worktrees/one", "worktrees/two"] { _ = try scratch.directory("home/r.git/\(name)") }
        try scratch.write("home/r.git/HEAD", "ref: refs/heads/main\n")
        #expect(coopError { try locate("home/r.git") }?.why.contains("bare git repository without work trees") == true)
        try scratch.write("home/r.git/worktrees/one/gitdir", scratch("home/one/.git") + "\n")
        try scratch.write("home/r.git/worktrees/one/HEAD", "ref: refs/heads/topic/x\n")
        try scratch.write("home/r.git/worktrees/two/gitdir", "../../../two/.git\n")
        try scratch.write("home/r.git/worktrees/two/HEAD", String(repeating: "a", count: 40) + "\n")
        let error = coopError { try locate("home/r.git/refs") }
        #expect(error?.code == .refused)
        #expect(
            error?.why.hasSuffix("its work trees are:\n  \(scratch("home/one"))  (topic/x)\n  \(scratch("home/two"))  (no branch)") == true,
            "\(error?.why ?? "")")
        #expect(error?.next == "cd \(scratch("home/one"))")
        // The layout with a hidden bare repository and a `.git` file that points to it.
        try scratch.write("home/r.git/config", "[core]\n\tbare = true\n")
        try scratch.write("home/hub/.git", "gitdir: ../r.git\n")
        #expect(coopError { try locate("home/hub") }?.code == .refused)
        // A linked work tree of it is a project.
        try scratch.write("home/r.git/worktrees/one/commondir", "../..\n")
        try scratch.write("home/one/.git", "gitdir: \(scratch("home/r.git/worktrees/one"))\n")
        #expect(try locate("home/one").root == scratch("home/one"))
    }

    @Test("not inside a .git")
    func insideGit() throws {
        for name in ["objects", "refs", "hooks"] { _ = try scratch.directory("home/r/.git/\(name)") }
        try scratch.write("home/r/.git/HEAD", "ref: refs/heads/main\n")
        let error = coopError { try locate("home/r/.git/hooks") }
        #expect(error?.next == "cd \(scratch("home/r"))")
    }

    @Test("only where there is a directory")
    func missing() throws {
        #expect(coopError { try locate("home/none") }?.code == .notFound)
        try scratch.write("home/file", "")
        #expect(coopError { try locate("home/file") }?.code == .notFound)
    }
}

@Suite("The place where coop keeps things")
struct CoopHomeTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("is ~/.coop or COOP_HOME, which must be absolute and its own")
    func place() throws {
        let user = try scratch.directory("home")
        #expect(try CoopHome.locate { ["HOME": user][$0] }.path == scratch("home/.coop"))
        let other = scratch("other")
        #expect(try CoopHome.locate { ["HOME": user, "COOP_HOME": other][$0] }.path == other)
        for wrong in ["relative", "/", user] {
            #expect(coopError { try CoopHome.locate { ["HOME": user, "COOP_HOME": wrong][$0] } }?.code == .configuration)
        }
        #expect(coopError { try CoopHome.locate { ["HOME": "here"][$0] } }?.code == .configuration)
    }

    @Test("is found without HOME by reading the password file")
    func passwordFile() throws {
        let file = try scratch.write("passwd", "root:x:0:0::/root:/bin/sh\nbroken\nann:x:4242:1::\(scratch("home/ann")):/bin/sh\n")
        #expect(try CoopHome.userHome(environment: { _ in nil }, passwordFile: file, user: 4242) == scratch("home/ann"))
        #expect(coopError { try CoopHome.userHome(environment: { _ in nil }, passwordFile: file, user: 4243) }?.code == .configuration)
        #expect(
            coopError { try CoopHome.userHome(environment: { _ in nil }, passwordFile: scratch("no"), user: 1) }?.code == .configuration)
    }

    @Test("has directories of mode 0700")
    func modes() throws {
        let home = try scratch.home()
        let key = ProjectKey(path: "/a/b")
        try home.prepare(home.directory(.secrets, of: key))
        for path in [home.path, home.directory(.projects), home.directory(of: key), home.directory(.secrets, of: key)] {
            #expect(try FileSystem.status(path)?.st_mode == 0o40700)
        }
        #expect(coopError { try home.prepare("/tmp/elsewhere") } != nil)
    }

    @Test("is refused when others may write to it or it is no directory")
    func unsafe() throws {
        let home = try scratch.home()
        try home.prepare(home.path)
        chmod(home.path, 0o777)
        #expect(coopError { try scratch.home() }?.next?.hasPrefix("chmod go-w") == true)
        chmod(home.path, 0o700)
        try home.prepare(home.directory(.trust))
        chmod(home.directory(.trust), 0o770)
        #expect(coopError { try home.prepare(home.directory(.trust)) }?.code == .configuration)
        let file = try scratch.write("file", "")
        #expect(coopError { try CoopHome.locate { ["HOME": "/", "COOP_HOME": file][$0] } }?.code == .configuration)
    }

    @Test("is refused when it belongs to somebody else", .enabled(if: geteuid() == 0, "needs root to give a directory away"))
    func foreign() throws {
        let path = try scratch.directory("foreign")
        chown(path, 4242, 4242)
        #expect(coopError { try CoopHome.locate { ["HOME": "/root", "COOP_HOME": path][$0] } }?.why.contains("4242") == true)
    }
}
