import CoopErrors
import LinuxKernel
import TOML
import Vault

/// A file of an agent's state with the values that it would otherwise ask for.
public struct SeededFile: Sendable, Equatable {
    /// Relative to the home directory.
    public var path: String
    public var contents: String

    /// The files of an agent that need a value changed, with everything else in them as it was.
    ///
    /// - Parameters:
    ///   - workspace: what `{workspace}` stands for.
    ///   - read: what a file of the sandbox's home holds now; nil for one that is not there. Its contents are the sandbox's, so nothing
    ///     is assumed about them: one that cannot be understood is left to the agent.
    public static func all(
        of agent: Agent, workspace: String, read: (String) throws(CoopError) -> [UInt8]?
    ) throws(CoopError) -> [SeededFile] {
        var result: [SeededFile] = []
        var paths: [String] = []
        for seed in agent.state.seeds where !paths.contains(seed.file) { paths.append(seed.file) }
        for path in paths {
            let seeds = agent.state.seeds.filter { $0.file == path }
            let old = try read(path)
            let values = seeds.map { seed in (seed.path.map { $0.replacing("{workspace}", with: workspace) }, seed.value) }
            let contents = seeds.first?.format == .toml ? SeededFile.toml(old, values) : SeededFile.json(old, values)
            if let contents { result.append(SeededFile(path: path, contents: contents)) }
        }
        return result
    }

    private static func json(_ old: [UInt8]?, _ values: [(path: [String], value: Agent.Seed.Value)]) -> String? {
        var document = JSONValue.object([])
        if let old, !old.isEmpty {
            guard let read = JSONValue.parsed(old), case .object = read else { return nil }
            document = read
        }
        let before = document
        for (path, value) in values {
            let value: JSONValue =
                switch value {
                case .boolean(let flag): .boolean(flag)
                case .text(let text): .string(text)
                case .integer(let number): .number(String(number))
                }
            if document.at(path) != value { document.set(path, value) }
        }
        return document == before ? nil : document.text(indented: true) + "\n"
    }

    private static func toml(_ old: [UInt8]?, _ values: [(path: [String], value: Agent.Seed.Value)]) -> String? {
        guard var document = try? TOMLDocument(parsing: old ?? [], name: "") else { return nil }
        var isChanged = false
        for (path, value) in values {
            let value: TOMLValue =
                switch value {
                case .boolean(let flag): .boolean(flag)
                case .text(let text): .string(text)
                case .integer(let number): .integer(number)
                }
            if document.root.node(at: path).map({ $0.value.hasSameContent(as: value) }) ?? false { continue }
            guard let changed = try? document.setting(path, to: value) else { return nil }
            document = changed
            isChanged = true
        }
        return isChanged ? String(osBytes: document.bytes) : nil
    }
}
