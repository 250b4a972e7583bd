import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Testing

@Suite("config get, set and unset")
struct ConfigurationEditorTests {
    let scratch: Scratch
    let home: CoopHome

    init() throws {
        scratch = try Scratch()
        home = try scratch.home()
    }

    func editor(_ text: String?) throws -> ConfigurationEditor { ConfigurationEditor(.project(try scratch.project(text)), home: home) }

    @Test(
        "write each form of value and keep the comments",
        arguments: [
            ("sandbox.memory", "4G", "memory = \"4G\""), ("sandbox.memory", "1073741824", "memory = 1073741824"),
            ("sandbox.cpus", "1.5", "cpus = 1.5"),
            ("sandbox.cpus", "2", "cpus = 2"), ("sandbox.pids", "64", "pids = 64"), ("sandbox.timeout", "15m", "timeout = \"15m\""),
            ("sandbox.caches", "npm, pip", "caches = [\"npm\", \"pip\"]"), ("sandbox.caches", "['a,b']", "caches = [\"a,b\"]"),
            ("sandbox.mounts", "~/d:/data:ro", "mounts = [\"~/d:/data:ro\"]"), ("sandbox.env.NODE_ENV", "x=y", "NODE_ENV = \"x=y\""),
            ("sandbox.env", "{ A = 'b' }", "env = { A = \"b\" }"), ("network.host_ports", "1,2", "host_ports = [1, 2]"),
            ("network.hosts.\"a.org\"", "b:1", "\"a.org\" = \"b:1\""), ("commands.git.allow", "push", "allow = [\"push\"]"),
            ("services.postgres.version", "17", "version = \"17\""), ("agent", "claude", "agent = \"claude\""),
            ("hooks.prepare", "npm ci", "prepare = \"npm ci\""),
        ])
    func set(key: String, text: String, line: String) throws {
        let editor = try editor("# top\nname = \"x\" # mine\n\n# more\n[sandbox] # box\n")
        try editor.set(key, to: [text])
        let lines = try scratch.text("home/project/coop.toml").split(separator: "\n")
        #expect(lines.contains(Substring(line)), "\(lines)")
        for kept in ["# top", "name = \"x\" # mine", "# more", "[sandbox] # box"] { #expect(lines.contains(Substring(kept))) }
        #expect(try LoadedConfiguration.problems(project: scratch.project(), home: home, variables: []).isEmpty)
        #expect(try editor.get(key)?.origin.layer == .project)
        let whole = key.hasPrefix("services.") ? "services.postgres" : key
        #expect(try editor.unset(whole))
        #expect(try editor.get(key) == nil)
        #expect(try !editor.unset(key))
    }

    @Test(
        "refuse what is no key or no value, and leave the file as it was",
        arguments: [
            ("sandbox.memroy", "1", "did you mean `sandbox.memory`?"), ("memory", "4G", "did you mean `sandbox.memory`?"),
            ("sandbox.memory", "lots", "is not a size"),
            ("sandbox.cpus", "0", "greater than zero"), ("sandbox.engine", "nativ", "did you mean `native`?"),
            ("sandbox", "1", "it is a table; name one of its keys"),
            ("network.rules", "[]", "edit the file by hand"), ("commands.git.alow", "x", "did you mean `allow`?"),
            ("a..b", "1", "expected a key"),
            ("sandbox.caches", "[1", "is not TOML"), ("network.host_ports", "a", "must be an integer"),
            ("services.postgres", "17", "it is a table"),
            ("sandbox.protect", "/etc", "relative to the project"), ("name", "../x", "may not hold /"),
            ("sandbox.env.A-B", "1", "name of a variable"),
        ])
    func refuse(key: String, text: String, reason: String) throws {
        let before = "name = 'x'\n[sandbox]\ncaches = [ 'a' ]\n"
        let editor = try editor(before)
        let error = coopError { try editor.set(key, to: [text]) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(try scratch.text("home/project/coop.toml") == before)
    }

    @Test("make the user's file with mode 0600, and keep the mode and the link of one that exists")
    func files() throws {
        let user = ConfigurationEditor(.user(home), home: home)
        try user.set("agent", to: ["claude"])
        #expect(try FileSystem.status(home.configurationFile)?.st_mode == 0o100600)
        #expect(try user.get("agent")?.text == "claude")
        let local = ConfigurationEditor(.local(try scratch.project("name = 'x'")), home: home)
        try local.set("sandbox.memory", to: ["1G"])
        #expect(try scratch.text("home/project/coop.local.toml") == "[sandbox]\nmemory = \"1G\"\n")

        try scratch.write("dotfiles/c.toml", "agent = 'a'\n", mode: 0o640)
        unlink(home.configurationFile)
        symlink(scratch("dotfiles/c.toml"), home.configurationFile)
        try user.set("agent", to: ["b"])
        #expect(FileSystem.kind(home.configurationFile, followLinks: false) == .symlink)
        #expect(try scratch.text("dotfiles/c.toml") == "agent = \"b\"\n")
        #expect(try FileSystem.status(scratch("dotfiles/c.toml"))?.st_mode == 0o100640)
    }

    @Test("can repair a file that has other mistakes, and start one with its name")
    func repair() throws {
        let broken = try editor("name = 'x'\nagent = 1\n[sandbox]\nmemory = 0\n")
        try broken.set("sandbox.memory", to: ["1G"])
        try broken.set("agent", to: ["a"])
        #expect(try scratch.text("home/project/coop.toml") == "name = 'x'\nagent = \"a\"\n[sandbox]\nmemory = \"1G\"\n")
        #expect(coopError { try broken.unset("name") }?.why == "`name` is missing")
        unlink(scratch("home/project/coop.toml"))
        let fresh = ConfigurationEditor(.project(try scratch.project()), home: home)
        try fresh.set("name", to: ["x"])
        #expect(try scratch.text("home/project/coop.toml") == "name = \"x\"\n")
    }
}
