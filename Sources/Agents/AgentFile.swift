import CoopErrors
import LinuxKernel
import Projects
import TOML

/// Reads an agent's file. Every key is known; an error names file, line and column.
struct AgentFile {
    private let document: TOMLDocument

    init(parsing bytes: [UInt8], name: String) throws(CoopError) {
        do { document = try TOMLDocument(parsing: bytes, name: name) } catch {
            throw CoopError(
                .configuration, "cannot read \(name.printable)", "\(error.position): \(error.reason)", next: "edit \(name.shellQuoted)")
        }
    }

    /// The agent that the file describes.
    ///
    /// - Parameter base: what the keys that the file leaves out are taken from; without it the file must be complete.
    func agent(over base: Agent? = nil) throws(CoopError) -> Agent {
        let root = AgentTable(document.root, document: document.name, path: "")
        try root.allow(AgentFile.keys)
        let name = try root.name("name", base?.name)
        if let base, base.name != name { throw root.problem("name", "must be `\(base.name)`, as the file is called") }
        let binary = try root.text("binary", base?.binary)
        let autonomy = try root.table("autonomy", ["flags", "marks", "except", "environment"])
        let state = try root.table("state", ["directories", "files"])
        let network = try root.table("network", ["bundles", "hosts", "optional"])
        return Agent(
            name: name, title: try root.text("title", base?.title ?? name), binary: binary,
            places: try root.texts("places", base?.places ?? []), exposes: try root.texts("exposes", base?.exposes ?? []),
            install: try root.text("install", base?.install ?? ""), environment: try root.variables("environment", base?.environment ?? []),
            autonomy: Agent.Autonomy(
                flags: try autonomy.texts("flags", base?.autonomy.flags ?? []),
                marks: try autonomy.texts("marks", base?.autonomy.marks ?? []),
                except: try autonomy.texts("except", base?.autonomy.except ?? []),
                environment: try autonomy.variables("environment", base?.autonomy.environment ?? [])),
            login: try AgentLogin(agent: name).login(root, base?.login),
            state: Agent.State(
                directories: try state.paths("directories", base?.state.directories ?? []),
                files: try state.paths("files", base?.state.files ?? []), seeds: try seeds(root) ?? base?.state.seeds ?? []),
            settings: try root.projectPaths("settings", base?.settings ?? []),
            network: Agent.Network(
                bundles: try network.texts("bundles", base?.network.bundles ?? []),
                hosts: try network.texts("hosts", base?.network.hosts ?? []),
                optional: try network.texts("optional", base?.network.optional ?? [])),
            providers: try root.texts("providers", base?.providers ?? []), prompt: try prompt(root, base?.prompt),
            events: try events(root, base?.events), attention: try attention(root, base?.attention ?? Agent.Attention()))
    }

    /// The keys of a file before its first table, which are quicker read than all of it.
    static func head(of bytes: [UInt8]) -> [UInt8] {
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "[") {
            if index == 0 || bytes[index - 1] == UInt8(ascii: "\n") { return Array(bytes[..<index]) }
        }
        return bytes
    }

    /// What the agent obeys in a project, and its title; of a complete file or its head.
    func settings() throws(CoopError) -> (title: String, paths: [String]) {
        let root = AgentTable(document.root, document: document.name, path: "")
        return (try root.text("title", try root.name("name", nil)), try root.projectPaths("settings", []))
    }

    private static let keys = [
        "name", "title", "binary", "places", "exposes", "install", "environment", "autonomy", "login", "state", "settings", "seeds",
        "network",
        "providers",
        "prompt", "events", "attention",
    ]

    private func seeds(_ root: AgentTable) throws(CoopError) -> [Agent.Seed]? {
        guard root.has("seeds") else { return nil }
        var result: [Agent.Seed] = []
        let keys = ["file", "format", "path", "value", "variable", "last", "element", "login"]
        for table in try root.tables("seeds", keys) { result.append(try seed(table)) }
        return result
    }

    private func seed(_ table: AgentTable) throws(CoopError) -> Agent.Seed {
        let written = try table.text("format", nil)
        guard let format = Agent.Seed.Format(rawValue: written) else { throw table.problem("format", "must be `json` or `toml`") }
        let path = try table.texts("path", nil)
        guard !path.isEmpty else { throw table.problem("path", "must name a key") }
        let variable = table.has("variable") ? try table.text("variable", nil) : nil
        let value: Agent.Seed.Value?
        switch table.value("value") {
        case .boolean(let flag)?: value = .boolean(flag)
        case .string(let text)?: value = .text(text)
        case .integer(let number)?: value = .integer(number)
        case nil where variable != nil: value = nil
        default: throw table.problem("value", "must be a string, an integer or a boolean")
        }
        var last: Int?
        if let node = table.value("last") {
            guard value == nil, case .integer(let count) = node, (1...1024).contains(count) else {
                throw table.problem("last", "must be a number of characters of the variable")
            }
            last = Int(count)
        }
        let isElement = try table.flag("element") ?? false
        if isElement, format != .json { throw table.problem("element", "is for files in JSON") }
        return Agent.Seed(
            file: try table.path("file"), format: format, path: path, value: value, variable: variable, last: last, isElement: isElement,
            login: try table.flag("login"))
    }

    private func prompt(_ root: AgentTable, _ base: Agent.Prompt?) throws(CoopError) -> Agent.Prompt? {
        guard root.has("prompt") else { return base }
        let table = try root.table("prompt", ["interactive", "headless"])
        let headless = try table.texts("headless", base?.headless)
        let result = Agent.Prompt(interactive: try table.texts("interactive", base?.interactive ?? headless), headless: headless)
        for (key, words) in [("interactive", result.interactive), ("headless", result.headless)] {
            guard words.filter({ $0.contains("{prompt}") }).count == 1 else { throw table.problem(key, "must hold {prompt} exactly once") }
        }
        return result
    }

    private func events(_ root: AgentTable, _ base: Agent.Events?) throws(CoopError) -> Agent.Events? {
        guard root.has("events") else { return base }
        let table = try root.table("events", ["flags", "format"])
        return Agent.Events(flags: try table.texts("flags", base?.flags), format: try table.text("format", base?.format))
    }

    private func attention(_ root: AgentTable, _ base: Agent.Attention) throws(CoopError) -> Agent.Attention {
        let table = try root.table("attention", ["permission", "question", "rows"])
        var result = base
        result.permission = try table.texts("permission", base.permission)
        result.question = try table.texts("question", base.question)
        for (key, texts) in [("permission", result.permission), ("question", result.question)] where texts.contains(where: \.isEmpty) {
            throw table.problem(key, "may not hold an empty text, which every row holds")
        }
        if let node = table.value("rows") {
            guard case .integer(let rows) = node, (1...1000).contains(rows) else {
                throw table.problem("rows", "must be between 1 and 1000")
            }
            result.rows = Int(rows)
        }
        return result
    }
}
