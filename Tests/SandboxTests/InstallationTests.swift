import Glibc
import LinuxKernel
import Testing

@testable import Sandbox

@Suite struct InstallationTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var home: String { directory.path + "/home" }

    private func find(_ program: String, path: String = "/usr/bin:/bin", visible: [String] = []) -> Installation {
        let visible = ["/usr", "/bin"] + visible.map { home + "/" + $0 }
        return Installation.find(home + "/" + program, home: home, path: path, reason: "test") { entry in
            visible.contains { FileSystem.contains($0, entry) }
        }
    }

    private func relative(_ mounts: [Mount]) -> [String] { mounts.map { String($0.target.dropFirst(home.utf8.count + 1)) } }

    private func executable(_ path: String, _ contents: String = "") throws {
        try directory.file("home/" + path, contents)
        #expect(chmod(home + "/" + path, 0o755) == 0)
    }

    private func link(_ path: String, to target: String) throws {
        _ = try directory.directory("home/" + FileSystem.parent(of: path))
        #expect(symlink(target, home + "/" + path) == 0)
    }

    @Test("a program that is visible anyway needs nothing")
    func visible() throws {
        try executable("tools/agent")
        let found = find("tools/agent", visible: ["tools"])
        #expect(found.mounts.isEmpty && found.searched.isEmpty && found.program == home + "/tools/agent")
    }

    @Test("a lone executable appears alone, where its links lead")
    func native() throws {
        try executable(".local/share/agent/versions/2.1/agent")
        try directory.file("home/.local/share/agent/credentials", "secret")
        try link(".local/bin/agent", to: "../share/agent/versions/2.1/agent")
        let hidden = find(".local/bin/agent")
        #expect(relative(hidden.mounts) == [".local/share/agent/versions/2.1/agent"])
        #expect(hidden.program == home + "/.local/share/agent/versions/2.1/agent")
        // Where the link is visible, by PATH, it is started by it.
        let shown = find(".local/bin/agent", visible: [".local/bin"])
        #expect(relative(shown.mounts) == [".local/share/agent/versions/2.1/agent"])
        #expect(shown.program == home + "/.local/bin/agent")
        #expect(shown.mounts.allSatisfy { $0.readOnly && !$0.isDirectory })
    }

    @Test("a package of Node comes with all modules, and with the node that its first line looks up")
    func node() throws {
        try executable("npm/lib/node_modules/@acme/agent/cli.js", "#!/usr/bin/env -S acme-node --no-warnings\n")
        try directory.file("home/npm/lib/node_modules/other/index.js")
        try link("npm/bin/agent", to: "../lib/node_modules/@acme/agent/cli.js")
        try executable("node-v22/bin/acme-node")
        try directory.file("home/node-v22/lib/node_modules/npm/x")
        try directory.file("home/node-v22/README")
        let found = find("npm/bin/agent", path: "/usr/bin:\(home)/node-v22/bin")
        #expect(relative(found.mounts) == ["npm/lib/node_modules", "node-v22/bin/acme-node", "node-v22/lib"])
        #expect(found.searched == [home + "/node-v22/bin"])
        #expect(found.program == home + "/npm/lib/node_modules/@acme/agent/cli.js")
    }

    @Test("a virtual environment of Python comes whole, with the interpreter that it was made with")
    func python() throws {
        try executable("venv/bin/agent", "#!\(home)/venv/bin/python\n")
        try directory.file("home/venv/pyvenv.cfg", "home = \(home)/py/bin\n")
        try executable("py/bin/python3.13")
        try directory.file("home/py/lib/python3.13/os.py")
        try directory.file("home/py/notes")
        try link("py/bin/python3", to: "python3.13")
        try link("venv/bin/python", to: "\(home)/py/bin/python3")
        let found = find("venv/bin/agent")
        #expect(Set(relative(found.mounts)) == ["venv", "py/bin/python3", "py/bin/python3.13", "py/lib"])
        #expect(found.program == home + "/venv/bin/agent")
        // The same behind a link, as pipx and uv make them.
        try link("bin/agent", to: "../venv/bin/agent")
        #expect(Set(relative(find("bin/agent", visible: ["bin"]).mounts)) == Set(relative(found.mounts)))
    }

    @Test("nothing makes the home directory itself appear, nor a directory around it")
    func whole() throws {
        try directory.file("home/pyvenv.cfg", "home = /usr/bin\n")
        try executable("bin/agent", "#!/usr/bin/python3\n")
        #expect(relative(find("bin/agent").mounts) == ["bin/agent"])
        try directory.file("pyvenv.cfg", "home = /usr/bin\n")
        #expect(relative(find("bin/agent").mounts) == ["bin/agent"])
        try executable("node_modules/x/agent")
        #expect(relative(find("node_modules/x/agent").mounts) == ["node_modules"])
    }

    @Test("loops of links and of interpreters end")
    func loops() throws {
        try link("a", to: "b")
        try link("b", to: "a")
        #expect(find("a").mounts.isEmpty)
        try executable("c", "#!\(home)/d\n")
        try executable("d", "#!\(home)/c\n")
        #expect(relative(find("c").mounts) == ["c", "d"])
        try executable("e", "#!\n")
        try executable("f", "#! /usr/bin/env -S A=b\n")
        #expect(relative(find("e").mounts) == ["e"] && relative(find("f").mounts) == ["f"])
        #expect(find("missing").mounts.isEmpty)
    }
}
