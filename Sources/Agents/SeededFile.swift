import CoopErrors
import LinuxKernel
import TOML
import Vault

/// A file of an agent's state with the values that it would otherwise ask for.
public struct SeededFile: Sendable, Equatable {
    /// Relative to the home directory.
    public var path: String
    public var contents: String

    /// What a run holds of the agent's credentials.
    public struct Credentials: Sendable {
        /// The variables that hold stubs.
        public var stubs: [String: String]
        /// Whether a login of the agent's is there.
        public var login: Bool

        public init(stubs: [String: String] = [:], login: Bool = false) {
            self.stubs = stubs
            self.login = login
        }
    }

    /// A value and its place, with everything that depends on the run put in.
    private struct Entry {
        var path: [String]
        var value: Agent.Seed.Value
        var isElement: Bool

        /// Nil for a value that is not for this run.
        init?(_ seed: Agent.Seed, workspace: String, credentials: Credentials) {
            if let login = seed.login, login != credentials.login { return nil }
            var stub = ""
            if let variable = seed.variable {
                guard let held = credentials.stubs[variable] else { return nil }
                stub = seed.last.map { String(held.suffix($0)) } ?? held
            }
            path = seed.path.map { $0.replacing("{workspace}", with: workspace) }
            value = seed.value ?? .text(stub)
            isElement = seed.isElement
        }
    }

    /// The files of an agent that need a value changed, with everything else in them as it was.
    ///
    /// - Parameters:
    ///   - workspace: what `{workspace}` stands for.
    ///   - read: what a file of the sandbox's home holds now; nil for one that is not there. Its contents are the sandbox's, so nothing
    ///     is assumed about them: one that cannot be understood is left to the agent.
    public static func all(
        of agent: Agent, workspace: String, credentials: Credentials = Credentials(), read: (String) throws(CoopError) -> [UInt8]?
    ) throws(CoopError) -> [SeededFile] {
        var result: [SeededFile] = []
        var paths: [String] = []
        for seed in agent.state.seeds where !paths.contains(seed.file) { paths.append(seed.file) }
        for path in paths {
            let seeds = agent.state.seeds.filter { $0.file == path }
            let entries = seeds.compactMap { Entry($0, workspace: workspace, credentials: credentials) }
            if entries.isEmpty { continue }
            let old = try read(path)
            let contents = seeds.first?.format == .toml ? SeededFile.toml(old, entries) : SeededFile.json(old, entries)
            if let contents { result.append(SeededFile(path: path, contents: contents)) }
        }
        return result
    }

    private static func json(_ old: [UInt8]?, _ entries: [Entry]) -> String? {
        var document = JSONValue.object([])
        if let old, !old.isEmpty {
            guard let read = JSONValue.parsed(old), case .object = read else { return nil }
            document = read
        }
        let before = document
        for entry in entries {
            var value: JSONValue =
                switch entry.value {
                case .boolean(let flag): .boolean(flag)
                case .text(let text): .string(text)
                case .integer(let number): .number(String(number))
                }
            if entry.isElement {
                var elements: [JSONValue] = []
                if case .array(let present)? = document.at(entry.path) { elements = present }
                if !elements.contains(value) { elements.append(value) }
                value = .array(elements)
            }
            if document.at(entry.path) != value { document.set(entry.path, value) }
        }
        return document == before ? nil : document.text(indented: true) + "\n"
    }

    private static func toml(_ old: [UInt8]?, _ entries: [Entry]) -> String? {
        // What is written there is the sandbox's, and may be anything: a file that is no TOML, or holds something else where a value
        // belongs, is the agent's to complain about. Without the values it asks what it would ask without coop.
        guard var document = try? TOMLDocument(parsing: old ?? [], name: "") else { return nil }
        var isChanged = false
        for entry in entries {
            let value: TOMLValue =
                switch entry.value {
                case .boolean(let flag): .boolean(flag)
                case .text(let text): .string(text)
                case .integer(let number): .integer(number)
                }
            if document.root.node(at: entry.path).map({ $0.value.hasSameContent(as: value) }) ?? false { continue }
            guard let changed = try? document.setting(entry.path, to: value) else { return nil }
            document = changed
            isChanged = true
        }
        return isChanged ? String(osBytes: document.bytes) : nil
    }
}
