import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What each agent that coop brings is started with, and that its own arguments reach it whole.
@Suite struct AutonomyTests {
    struct Agent: Sendable, CustomStringConvertible {
        var name: String
        var flags: [String] = []
        var variable: String?
        /// Arguments of the agent's own with which nothing is added.
        var marks: [[String]]

        var description: String { name }
    }

    static let agents = [
        Agent(name: "aider", flags: ["--yes-always"], marks: [["--yes"], ["--no-yes-always"], ["--help"]]),
        Agent(name: "amp", flags: ["--dangerously-allow-all"], marks: [["--dangerously-allow-all"], ["login"], ["mcp", "list"]]),
        Agent(
            name: "claude", flags: ["--dangerously-skip-permissions"], variable: "IS_SANDBOX=1",
            marks: [
                ["--permission-mode", "plan"], ["--permission-mode=plan"], ["-p", "x", "--permission-prompt-tool", "t"],
                ["auth", "status"],
            ]),
        Agent(
            name: "codex", flags: ["--dangerously-bypass-approvals-and-sandbox"],
            marks: [["-s", "read-only"], ["--sandbox=read-only"], ["exec", "-a", "never", "x"], ["--full-auto"], ["login"]]),
        Agent(
            name: "copilot", flags: ["--allow-all-tools", "--allow-all-paths"],
            marks: [["--deny-tool", "shell"], ["--allow-all"], ["login"]]),
        Agent(name: "gemini", flags: ["--yolo"], marks: [["-y"], ["--approval-mode", "default"], ["mcp", "list"]]),
        Agent(name: "goose", variable: "GOOSE_MODE=auto", marks: [["configure"]]),
        Agent(name: "kilo", variable: #"KILO_PERMISSION={"*":"allow"}"#, marks: [["auth", "login"]]),
        Agent(name: "mini-swe-agent", flags: ["--yolo"], marks: [["-y"], ["--help"]]),
        Agent(name: "opencode", variable: #"OPENCODE_PERMISSION={"*":"allow"}"#, marks: [["auth", "login"], ["models"]]),
        Agent(name: "pi", marks: []),
        Agent(name: "qwen", flags: ["--yolo"], marks: [["--approval-mode=plan"], ["mcp", "list"]]),
    ]

    /// Says its arguments, then the variables that let an agent work alone.
    private static let program = """
        #!/bin/sh
        for word; do printf '<%s>' "$word"; done
        env | grep -E '^(IS_SANDBOX|GOOSE_MODE|KILO_PERMISSION|OPENCODE_PERMISSION)=' | tr -d '\\n'
        """

    @Test("it works alone unless it is told how to ask, and gets its arguments whole", arguments: agents)
    func autonomy(_ agent: Agent) throws {
        let place = try Sandboxed(TestIdentity.ordinary.first ?? .root)
        try place.write("../home/.fake/agent", AutonomyTests.program, mode: 0o755)
        try place.write(
            "../coophome/agents/\(agent.name).toml",
            "name = \"\(agent.name)\"\nbinary = \"no-such-agent-here\"\nplaces = [\"~/.fake/agent\"]\n")
        func expect(_ own: [String], _ added: Bool, _ options: [String] = [], at location: SourceLocation = #_sourceLocation) throws {
            let outcome = try place.coop(["run", "--network", "none"] + options + [agent.name] + own)
            let words = (added ? agent.flags : []) + own
            let expected = words.map { "<\($0)>" }.joined() + (added ? agent.variable ?? "" : "")
            #expect(outcome.exitCode == 0 && outcome.output == expected, "\(agent) \(own): \(outcome)", sourceLocation: location)
        }
        // Options of coop's own among them, and words that look like anything.
        let own = ["-p", "x y", "-m", "--name", "--network", "open", "--prompt", "", "-e", "A=B", "--", "--memory", "1G"]
        try expect(own, true)
        try expect([], true)
        try expect(own, false, ["--safe"])
        for mark in agent.marks { try expect(mark, false) }
        if agent.name == "claude" { try expect(["-p", "x", "-m", "y", "-s"], true) }
        // A task that looks like a mark is a task.
        if let mark = agent.marks.first?.first, mark.hasPrefix("-") { try expect(["--", mark], true) }
    }

    @Test("no agent is missing here")
    func complete() throws {
        let data = FileSystem.normalize(#filePath + "/../../../Sources/Agents/Data")
        #expect(try FileSystem.list(data).sorted() == AutonomyTests.agents.map { $0.name + ".toml" })
    }
}
