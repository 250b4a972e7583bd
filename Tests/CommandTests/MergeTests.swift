import LinuxKernel
import Sandbox
import TestSupport
import Testing

/// The merge table of the configuration, end to end: files, variables and flags in, the spec out. Key by key it is tested in
/// ProjectsTests.
@Suite struct MergeTests {
    private func place(user: String = "", project: String = "", local: String? = nil) throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        try place.writeUserConfiguration(user)
        try place.write("coop.toml", "name = \"x\"\n" + project)
        if let local { try place.write("coop.local.toml", local) }
        return place
    }

    @Test("limits: the smaller of the repository's and the user's; a flag or variable is meant for this run")
    func limits() throws {
        let place = try place(
            user: "[sandbox]\nmemory = \"4G\"\npids = 100\ntimeout = \"1m\"\n",
            project: "[sandbox]\nmemory = \"8G\"\npids = 50\ntimeout = \"1h\"\n",
            local: "[sandbox]\npids = 60\n")
        let plain = try place.explain().spec
        #expect(plain.limits.memory == 4 << 30 && plain.limits.processes == 60 && plain.timeout == 60)
        let variable = try place.explain([], environment: ["COOP_SANDBOX_MEMORY": "6G"]).spec
        #expect(variable.limits.memory == 6 << 30)
        let flag = try place.explain(["--memory", "7G", "--pids", "500"], environment: ["COOP_SANDBOX_MEMORY": "6G"]).spec
        #expect(flag.limits.memory == 7 << 30 && flag.limits.processes == 500)
    }

    @Test("deny, block and protect lists unite")
    func unite() throws {
        let place = try place(
            user: "[sandbox]\nprotect = [\"u\"]\nexcludes = [\"ux\"]\nenv_block = [\"U_*\"]\n",
            project: "[sandbox]\nprotect = [\"p\"]\nexcludes = [\"px\"]\nenv_block = [\"P_*\"]\n",
            local: "[sandbox]\nprotect = [\"l\"]\nexcludes = [\"lx\"]\nenv_block = [\"L_*\"]\n")
        for name in ["u/x", "p/x", "l/x"] { try place.write(name, "") }
        let spec = try place.explain().spec
        #expect(Set(spec.excludes) == [place("ux"), place("px"), place("lx")])
        for name in ["u", "p", "l"] { #expect(spec.protected.contains { $0.path == place(name) && $0.form == .readOnly }, "\(name)") }
        for name in ["U_A", "P_A", "L_A"] { #expect(try place.run(["true"], options: ["-e", name + "=1"]).exitCode == 126) }
    }

    @Test("env: all names together, the nearest value wins")
    func env() throws {
        let place = try place(
            user: "[sandbox]\nenv = { A = \"u\", B = \"u\", C = \"u\" }\n", project: "[sandbox]\nenv = { B = \"p\", C = \"p\" }\n",
            local: "[sandbox]\nenv = { C = \"l\" }\n")
        let spec = try place.explain(["-e", "D=f"]).spec
        let values = Dictionary(uniqueKeysWithValues: spec.environment.map { ($0.name, $0.value) })
        #expect(values["A"] == "u" && values["B"] == "p" && values["C"] == "l" && values["D"] == "f")
        #expect(spec.environment.first { $0.name == "C" }?.origin.hasPrefix("coop.local.toml:2:") == true)
    }

    @Test("what a repository asks beyond the user's own needs approval, and what the user already says does not")
    func requests() throws {
        let line = "[sandbox]\nmounts = [\"/opt:/x:ro\"]\nallow_syscalls = [\"ptrace\"]\nenv_allow = [\"A\"]\n"
        #expect(try place(user: line, project: line).explain().spec.systemCalls.groups == ["ptrace"])
        #expect(try place(project: line).coop(["explain", "--", "true"]).exitCode == 126)
        // A repository may give less than the user allows, not more.
        #expect(
            try place(user: "[sandbox]\nworkspace = \"none\"\n", project: "[sandbox]\nworkspace = \"bind\"\n").coop([
                "explain", "--", "true",
            ]).exitCode == 126)
        #expect(
            try place(user: "[sandbox]\nworkspace = \"bind\"\n", project: "[sandbox]\nworkspace = \"none\"\n").explain().spec.workspace.mode
                == .none)
    }

    @Test("mounts and groups of all layers come together, the user's own first")
    func mounts() throws {
        let place = try place(user: "[sandbox]\nmounts = [\"/opt:/u:ro\"]\n", project: "[sandbox]\nmounts = [\"/srv:/p:ro\"]\n")
        try place.coop(["trust", "--yes"]).expectSuccess()
        let targets = try place.explain(["-m", "/usr/share:/f"]).spec.mounts.map(\.target).filter { $0.utf8.count == 2 }
        #expect(Set(targets) == ["/u", "/p", "/f"])
    }

    @Test("a relative mount of a file is meant from the project's root, one of the command line from here")
    func relative() throws {
        let place = try place(project: "[sandbox]\nmounts = [\"data:/p:ro\"]\n")
        try place.write("data/f", "root")
        try place.write("sub/data/f", "sub")
        try place.coop(["trust", "--yes"]).expectSuccess()
        let outcome = try place.coop(["run", "-m", "data:/f:ro", "--", "cat", "/p/f", "/f/f"], directory: place("sub"))
        #expect(outcome.output == "rootsub", "\(outcome)")
    }
}
