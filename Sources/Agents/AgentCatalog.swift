import CoopErrors
import LinuxKernel
import Projects

/// The agents that can be run by name: those that coop knows, with what the user's own files add and change.
public struct AgentCatalog: Sendable {
    /// Where the user's files lie, one `NAME.toml` an agent.
    private let directory: String

    public init(directory: String) { self.directory = directory }

    /// The agent of that name; nil when there is none, and the word is an ordinary command.
    ///
    /// Only the one agent's files are read.
    ///
    /// - Throws: `configuration` with file, line and column when the user's file is wrong.
    public func agent(named name: String) throws(CoopError) -> Agent? {
        let built = try EmbeddedData.bytes(name).map { bytes throws(CoopError) in
            try AgentFile(parsing: bytes, name: "\(name).toml").agent()
        }
        guard AgentCatalog.isName(name) else { return nil }
        let path = FileSystem.join(directory, name + ".toml")
        guard FileSystem.kind(path) == .file else { return built }
        return try own(path, over: built)
    }

    /// All of them, by name.
    public func all() throws(CoopError) -> [Agent] {
        let names = Set(EmbeddedData.names).union(try ownNames())
        var result: [Agent] = []
        for name in names.sorted() { if let agent = try agent(named: name) { result.append(agent) } }
        return result
    }

    /// A path in a project that an agent obeys.
    public struct Setting: Sendable, Equatable {
        /// As its file writes it.
        public var path: String
        /// The agent's title.
        public var title: String
    }

    /// What all agents obey in a project. Those of the user's own add to what coop knows.
    ///
    /// - Throws: when one of the user's files is wrong: what it means to protect cannot be known, and is not left unprotected.
    public func settings() throws(CoopError) -> [Setting] {
        var result: [Setting] = []
        func add(_ paths: [String], _ title: String) {
            for path in paths where !result.contains(where: { $0.path == path }) { result.append(Setting(path: path, title: title)) }
        }
        for name in EmbeddedData.names {
            guard let bytes = EmbeddedData.bytes(name) else { continue }
            let (title, paths) = try AgentFile(parsing: AgentFile.head(of: bytes), name: "\(name).toml").settings()
            add(paths, title)
        }
        for name in try ownNames() {
            do { if let agent = try agent(named: name) { add(agent.settings, agent.title) } } catch {
                throw CoopError(
                    error.code, "cannot protect what the agent \(name.printable) obeys in a project",
                    "\(error.what): \(error.why)", next: error.next)
            }
        }
        return result
    }

    /// What the user's own files are called, without their ending.
    private func ownNames() throws(CoopError) -> [String] {
        guard FileSystem.kind(directory) == .directory else { return [] }
        do { return try FileSystem.list(directory).filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted() } catch {
            throw CoopError(.failed, "cannot list the agents", "\(error)", next: "ls -l \(directory.shellQuoted)")
        }
    }

    private func own(_ path: String, over base: Agent?) throws(CoopError) -> Agent {
        let bytes: [UInt8]
        do { bytes = try FileSystem.read(path, limit: 1 << 20) } catch {
            throw CoopError(.configuration, "cannot read \(path.printable)", "\(error)", next: "ls -l \(path.shellQuoted)")
        }
        let agent = try AgentFile(parsing: bytes, name: path).agent(over: base)
        let wanted = String(FileSystem.lastComponent(of: path).dropLast(5))
        guard agent.name == wanted else {
            throw CoopError(
                .configuration, "the file of an agent is wrong",
                "\(path.printable): `name` must be `\(wanted.printable)`, as the file is called",
                next: "mv \(path.shellQuoted) \(FileSystem.join(FileSystem.parent(of: path), agent.name + ".toml").shellQuoted)")
        }
        return agent
    }

    /// A word with another character than these is a path or an ordinary command, and no file is looked for.
    private static func isName(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.count <= 32
            && word.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }
    }
}
