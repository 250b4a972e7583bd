import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Agents

@Suite struct AgentTests {
    private func agent(_ text: String, over base: Agent? = nil) throws -> Agent {
        try AgentFile(parsing: Array(text.utf8), name: "x.toml").agent(over: base)
    }

    private func problem(_ text: String) -> String {
        do {
            _ = try agent(text)
            return "none"
        } catch { return (error as? CoopError)?.message ?? "\(error)" }
    }

    @Test("every file that coop brings is right, and is found by its name")
    func builtIn() throws {
        let catalog = AgentCatalog(directory: "/nonexistent")
        let all = try catalog.all()
        #expect(
            all.map(\.name) == [
                "aider", "amp", "claude", "codex", "copilot", "gemini", "goose", "kilo", "mini-swe-agent", "opencode", "pi", "qwen",
            ])
        for agent in all {
            #expect(!agent.title.isEmpty && !agent.install.isEmpty && !agent.state.directories.isEmpty, "\(agent.name)")
            #expect(!agent.network.bundles.isEmpty || !agent.network.hosts.isEmpty, "\(agent.name)")
            #expect(agent.prompt != nil, "\(agent.name)")
            #expect(try catalog.agent(named: agent.name) == agent)
        }
        #expect(try catalog.agent(named: "make") == nil)
        #expect(try catalog.agent(named: "../claude") == nil)
        #expect(try catalog.agent(named: "") == nil)
    }

    @Test("what any agent obeys in a project is known without reading all of every file")
    func settings() throws {
        let all = try AgentCatalog(directory: "/nonexistent").all()
        let known = try AgentCatalog(directory: "/nonexistent").settings()
        #expect(Set(known.map(\.path)) == Set(all.flatMap(\.settings)) && known.count > 10)
        for agent in all {
            let (title, paths) = try AgentFile(parsing: AgentFile.head(of: EmbeddedData.bytes(agent.name) ?? []), name: "x").settings()
            #expect(title == agent.title && paths == agent.settings, "\(agent.name)")
        }
        // A person's own files add to it, and take nothing away.
        var template = Array("/tmp/coop-test-XXXXXX".utf8CString)
        let directory = String(cString: mkdtemp(&template))
        defer { try? FileSystem.removeTree(directory) }
        let files = [
            "mine.toml": "name = \"mine\"\ntitle = \"Mine\"\nbinary = \"mine\"\nsettings = [\".mine/\"]\n",
            (all[0].name + ".toml"): "settings = []\n",
        ]
        for (name, text) in files { try FileSystem.replace(directory + "/" + name, with: text.utf8) }
        let own = try AgentCatalog(directory: directory).settings()
        #expect(Array(own.dropLast()) == known && own.last == .init(path: ".mine/", title: "Mine"))
        // What one that is wrong means to protect nobody knows.
        for text in [
            "name = \n", "name = 'broken'\nbinary = 'x'\nsetings = ['.broken/']\n", "name = 'broken'\nbinary = 'x'\nsettings = ['../x']\n",
        ] {
            try FileSystem.replace(directory + "/broken.toml", with: text.utf8)
            #expect(throws: CoopError.self, "\(text)") { try AgentCatalog(directory: directory).settings() }
        }
    }

    @Test("what a screen shows of attention is read, and an agent of the user's can add to it")
    func attention() throws {
        let base = try #require(try AgentCatalog(directory: "/nonexistent").agent(named: "claude"))
        #expect(
            base.attention.permission.contains("Do you want to proceed?") && !base.attention.question.isEmpty && base.attention.rows == 16)
        let changed = try agent("name = 'claude'\n[attention]\nquestion = ['Well?']\nrows = 3\n", over: base)
        #expect(changed.attention.permission == base.attention.permission)
        #expect(changed.attention.question == ["Well?"] && changed.attention.rows == 3)
        #expect(try agent("name = 'x'\nbinary = 'x'\n").attention == Agent.Attention())
        let start = "name = 'x'\nbinary = 'x'\n[attention]\n"
        #expect(problem(start + "permission = ['']").contains("4:14: `attention.permission` may not hold an empty text"))
        #expect(problem(start + "rows = 0").contains("4:8: `attention.rows` must be between 1 and 1000"))
        #expect(problem(start + "permissions = []").contains("unknown key `attention.permissions`; did you mean `attention.permission`?"))
    }

    @Test("each agent is left alone by each of its marks, wherever it stands, and by what is no work")
    func marks() throws {
        for agent in try AgentCatalog(directory: "/nonexistent").all() {
            let doesAnything = !agent.autonomy.flags.isEmpty || !agent.autonomy.environment.isEmpty
            #expect(agent.isAutonomous(["-x", "y"], isSafe: false) == true && !agent.isAutonomous([], isSafe: true), "\(agent.name)")
            #expect(doesAnything || agent.autonomy.marks.isEmpty, "\(agent.name)")
            // Its own flags would not be given twice.
            #expect(agent.autonomy.flags.isEmpty || !agent.isAutonomous(agent.autonomy.flags, isSafe: false), "\(agent.name)")
            for mark in agent.autonomy.marks {
                for own in [[mark], ["x", mark], ["-p", "x", mark, "y"]] {
                    #expect(
                        agent.arguments(own, isSafe: false) == own && agent.variables(own, isSafe: false) == agent.environment, "\(own)")
                }
                #expect(agent.isAutonomous(["--", mark], isSafe: false), "\(agent.name) \(mark)")
                if mark.hasPrefix("--") { #expect(!agent.isAutonomous([mark + "=x"], isSafe: false), "\(agent.name) \(mark)") }
            }
            for word in agent.autonomy.except {
                #expect(agent.arguments([word, "x"], isSafe: false) == [word, "x"], "\(agent.name) \(word)")
                #expect(agent.isAutonomous(["x", word], isSafe: false), "\(agent.name) \(word)")
            }
        }
    }

    private let sample = """
        name = "sample"
        binary = "sample"
        [autonomy]
        flags = ["--yes"]
        marks = ["--yes", "-y", "--mode"]
        except = ["login"]
        environment = { SAMPLE_AUTO = "1" }
        """

    @Test("the agent's own arguments are passed on whole, behind what makes it work alone")
    func arguments() throws {
        let sample = try agent(sample)
        #expect(sample.arguments(["-p", "fix it", "-m", "x", "-s"], isSafe: false) == ["--yes", "-p", "fix it", "-m", "x", "-s"])
        #expect(sample.arguments(["-p", "x"], isSafe: true) == ["-p", "x"])
        for own in [["-y"], ["--mode", "plan"], ["--mode=plan"], ["login", "--now"], ["x", "--yes"]] {
            #expect(sample.arguments(own, isSafe: false) == own, "\(own)")
            #expect(sample.variables(own, isSafe: false).isEmpty, "\(own)")
        }
        // A task that looks like an option is none.
        #expect(sample.arguments(["--", "--yes"], isSafe: false) == ["--yes", "--", "--yes"])
        #expect(sample.arguments(["--modest"], isSafe: false) == ["--yes", "--modest"])
        #expect(sample.variables([], isSafe: false).map(\.name) == ["SAMPLE_AUTO"])
    }

    @Test("a mistake is named with its place")
    func mistakes() {
        #expect(problem("name = \"a\"") == "the file of an agent is wrong: x.toml:1:1: `binary` is missing")
        #expect(problem("name = \"A b\"\nbinary = \"a\"").contains("x.toml:1:8: `name` must be 1 to 32 lower-case letters"))
        #expect(problem("name = \"a\"\nbinary = 1").contains("x.toml:2:10: `binary` must be a string, not an integer"))
        #expect(problem("name = \"a\"\nbinary = \"a\"\nplace = []").contains("x.toml:3:1: unknown key `place`; did you mean `places`?"))
        #expect(
            problem("name = \"a\"\nbinary = \"a\"\n[autonomy]\nflag = []").contains(
                "x.toml:4:1: unknown key `autonomy.flag`; did you mean `autonomy.flags`?"))
        #expect(problem("name = \"a\"\nbinary = \"a\"\n[state]\nfiles = [\"../x\"]").contains("x.toml:4:9: `state.files` must be relative"))
        #expect(problem("name = \"a\"\nbinary = \"a\"\n[prompt]\nheadless = [\"-p\"]").contains("must hold {prompt} exactly once"))
        #expect(
            problem("name = \"a\"\nbinary = \"a\"\n[[seeds]]\nfile = \"x\"\nformat = \"ini\"").contains(
                "x.toml:5:10: `seeds.format` must be"))
        #expect(problem("name = \"a\"\nbinary = \"a\"\nenvironment = { \"A B\" = \"x\" }").contains("`environment.A B` is not the name"))
        #expect(problem("name = ").contains("cannot read x.toml: 1:"))
    }

    @Test("a user's file adds an agent, or changes only the fields that it names")
    func override() throws {
        let directory = "/tmp/coop-agents-\(getpid())"
        try FileSystem.makeDirectories(directory)
        defer { try? FileSystem.removeTree(directory) }
        let catalog = AgentCatalog(directory: directory)
        try FileSystem.replace(
            directory + "/claude.toml", with: "name = \"claude\"\nplaces = [\"/srv/claude\"]\n[autonomy]\nflags = []\n".utf8)
        let changed = try #require(try catalog.agent(named: "claude"))
        let original = try #require(try AgentCatalog(directory: "/nonexistent").agent(named: "claude"))
        #expect(changed.places == ["/srv/claude"] && changed.autonomy.flags.isEmpty)
        #expect(changed.autonomy.marks == original.autonomy.marks && changed.state == original.state && changed.login == original.login)
        try FileSystem.replace(directory + "/mine.toml", with: sample.replacing("sample", with: "mine").utf8)
        #expect(try catalog.agent(named: "mine")?.binary == "mine")
        #expect(try catalog.all().count == 13)
        try FileSystem.replace(directory + "/other.toml", with: sample.utf8)
        #expect(throws: CoopError.self) { try catalog.agent(named: "other") }
        // A mistake in one file is no other agent's.
        #expect(try catalog.agent(named: "mine") != nil)
    }
}

@Suite struct SeededFileTests {
    private func seeded(_ name: String, _ files: [String: String] = [:]) throws -> [String: String] {
        let agent = try #require(try AgentCatalog(directory: "/nonexistent").agent(named: name))
        let all = try SeededFile.all(of: agent, workspace: "/src/a \"b\"") { path in files[path].map { Array($0.utf8) } }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0.contents) })
    }

    @Test("a fresh home gets what the agent would ask for, and nothing is written twice")
    func fresh() throws {
        let first = try seeded("claude")
        #expect(first[".claude.json"]?.contains("\"hasTrustDialogAccepted\": true") == true)
        #expect(first[".claude.json"]?.contains(#""/src/a \"b\"": {"#) == true)
        #expect(try seeded("claude", first).isEmpty)
        let codex = try seeded("codex")
        #expect(codex[".codex/config.toml"]?.contains("trusted") == true)
        #expect(try seeded("codex", codex).isEmpty)
        #expect(try seeded("pi").isEmpty)
    }

    @Test("a key is given where the agent looks for it, and with a login it is not")
    func keys() throws {
        func seeded(_ name: String, login: Bool, _ files: [String: String] = [:]) throws -> [String: String] {
            let agent = try #require(try AgentCatalog(directory: "/nonexistent").agent(named: name))
            let stubs = ["ANTHROPIC_API_KEY": "sk-ant-api03-0123456789abcdefghij", "OPENAI_API_KEY": "sk-proj-stub"]
            let all = try SeededFile.all(of: agent, workspace: "/src", credentials: .init(stubs: stubs, login: login)) { path in
                files[path].map { Array($0.utf8) }
            }
            return Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0.contents) })
        }
        #expect(try seeded("codex", login: false)[".codex/auth.json"]?.contains(#""OPENAI_API_KEY": "sk-proj-stub""#) == true)
        #expect(try seeded("codex", login: true)[".codex/auth.json"] == nil)
        #expect(try self.seeded("codex")[".codex/auth.json"] == nil)
        let old = #"{"customApiKeyResponses": {"approved": ["mine"]}}"#
        let new = try #require(try seeded("claude", login: false, [".claude.json": old])[".claude.json"])
        #expect(new.contains("\"mine\"") && new.contains("\"0123456789abcdefghij\"") && !new.contains("sk-ant"), "\(new)")
        #expect(try seeded("claude", login: false, [".claude.json": new])[".claude.json"] == nil)
        #expect(try seeded("claude", login: true)[".claude.json"]?.contains("rejected") == true)
    }

    @Test("what else a file holds stays as it is")
    func kept() throws {
        let old = #"{"numStartups":12345678901234567890,"projects":{"/other":{"x":[1,2]}},"hasCompletedOnboarding":false}"#
        let new = try #require(try seeded("claude", [".claude.json": old])[".claude.json"])
        #expect(new.contains("12345678901234567890") && new.contains("/other") && new.contains("\"hasCompletedOnboarding\": true"))
        let toml = try #require(try seeded("codex", [".codex/config.toml": "# mine\nmodel = \"x\"\n"])[".codex/config.toml"])
        #expect(toml.contains("# mine\nmodel = \"x\"\n") && toml.contains("trust_level"))
    }

    @Test("a file that cannot be understood is left to the agent")
    func broken() throws {
        for text in ["{", "[]", "1", "\u{0}", String(repeating: "[", count: 100_000)] {
            #expect(try seeded("claude", [".claude.json": text])[".claude.json"] == nil)
            #expect(try seeded("codex", [".codex/config.toml": text])[".codex/config.toml"] == nil, "\(text.prefix(9))")
        }
    }
}
