import CoopErrors
import Glibc
import LinuxKernel

/// An option of the command line that sets a key.
public struct ConfigurationFlag: Sendable, Equatable {
    public var key: ConfigurationKey
    /// The option as it was written: `--memory`.
    public var option: String
    /// One text; for a list one for each element.
    public var values: [String]

    public init(_ key: ConfigurationKey, option: String, values: [String]) {
        self.key = key
        self.option = option
        self.values = values
    }
}

extension ConfigurationLayer {
    /// The layer of the command line.
    ///
    /// - Throws: `ConfigurationProblem` for a value that is not of the key's form.
    public static func flags(_ flags: [ConfigurationFlag]) throws(ConfigurationProblem) -> ConfigurationLayer {
        var layer = ConfigurationLayer(.flags)
        for flag in flags {
            let origin = ConfigurationOrigin(layer: .flags, name: flag.option)
            try layer.set(flag.key, flag.values, origin, next: "coop run --help")
        }
        return layer
    }

    /// The layer of the `COOP_*` variables: `COOP_SANDBOX_MEMORY` sets `sandbox.memory`. Lists are separated by commas. An empty
    /// variable says nothing.
    ///
    /// - Parameters:
    ///   - variables: `NAME=VALUE`, of which others than `COOP_*` are passed over.
    ///   - problems: gets, by name, each that has a wrong value, or looks like a key and is none.
    static func environment(_ variables: [String], problems: inout [ConfigurationProblem]) -> ConfigurationLayer {
        var layer = ConfigurationLayer(.environment)
        var wrong: [ConfigurationProblem] = []
        for variable in variables where variable.hasPrefix("COOP_") {
            do throws(ConfigurationProblem) { try layer.set(variable) } catch { wrong.append(error) }
        }
        problems += wrong.sorted { $0.origin.name < $1.origin.name }
        return layer
    }

    private mutating func set(_ variable: String) throws(ConfigurationProblem) {
        guard let equals = variable.firstIndex(of: "=") else { return }
        let name = String(variable[..<equals])
        let text = String(variable[variable.index(after: equals)...])
        if ConfigurationLayer.isReserved(name) { return }
        let origin = ConfigurationOrigin(layer: .environment, name: name.printable)
        guard let key = ConfigurationLayer.keysByVariable[name] else {
            if let near = ConfigurationLayer.nearestVariable(name) {
                throw ConfigurationProblem(
                    key: name, origin: origin, reason: "there is no such key; did you mean \(near)?", next: "unset \(name.shellQuoted)")
            }
            return
        }
        if text.isEmpty { return }
        switch key.schema.form {
        case .list, .ports, .mounts:
            let parts = text.split(separator: ",").map { String($0.trimmingBlanks) }
            try set(key, parts.filter { !$0.isEmpty }, origin, next: "unset \(name)")
        case .map, .records, .named:
            throw ConfigurationProblem(
                key: key.path, origin: origin, reason: "`\(key.path)` can only be set in a file", next: "unset \(name)")
        default: try set(key, [text], origin, next: "unset \(name)")
        }
    }

    /// The `COOP_*` variables of this process. Only those are made into strings: it happens on every run.
    public static func processVariables() -> [String] {
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            if strncmp(text, "COOP_", 5) == 0 { result.append(String(osBytes: UnsafePointer(text))) }
            entry += 1
        }
        return result
    }

    private mutating func set(
        _ key: ConfigurationKey, _ texts: [String], _ origin: ConfigurationOrigin, next: String
    ) throws(ConfigurationProblem) {
        let form = key.schema.form
        switch form {
        case .list, .ports, .mounts, .map, .records, .named:
            var items: [ConfigurationItem] = []
            for text in texts {
                switch ScalarForm.item(text, form, origin) {
                case .success(let item): items.append(item)
                case .failure(let problem): throw ConfigurationProblem(key: key.path, origin: origin, reason: problem.reason, next: next)
                }
            }
            configuration[key] = Setting(.items((configuration[key]?.value.items ?? []) + items), origin)
        default:
            guard let text = texts.last else { return }
            switch ScalarForm.value(text, form) {
            case .success(let value): configuration[key] = Setting(value, origin)
            case .failure(let problem): throw ConfigurationProblem(key: key.path, origin: origin, reason: problem.reason, next: next)
            }
        }
    }

    // MARK: Names of variables

    /// Variables that are no configuration: where coop keeps things, what it tells the command inside, and its own tests.
    private static func isReserved(_ name: String) -> Bool {
        ["COOP_HOME", "COOP_SESSION", "COOP_PROJECT", "COOP_WORKTREE", "COOP_PORT_OFFSET", "COOP_TASK", "COOP_INPUTS"].contains(name)
            || ["COOP_SESSION_", "COOP_TEST_", "COOP_FUZZ_", "COOP_BENCH_"].contains { name.hasPrefix($0) }
    }

    /// The variable that sets a key.
    public static func variable(for key: ConfigurationKey) -> String {
        "COOP_" + key.path.uppercased().split(separator: ".").joined(separator: "_")
    }

    private static let keysByVariable: [String: ConfigurationKey] = Dictionary(
        uniqueKeysWithValues: ConfigurationKey.allCases.map { (variable(for: $0), $0) })

    private static func distance(_ leaf: Substring, _ key: ConfigurationKey) -> Int {
        let name = key.path.split(separator: ".").last.map { $0.uppercased() } ?? ""
        return NearestName.distance(Array(leaf.utf8), Array(name.utf8))
    }

    /// The variable that was probably meant. Other programs may use names that start with COOP_ too, so only what is close to a
    /// key, starts with a section's name, or ends with a key's own name counts.
    private static func nearestVariable(_ name: String) -> String? {
        let all = ConfigurationKey.allCases.map { variable(for: $0) }
        let bytes = Array(name.utf8)
        let ranked = all.map { ($0, NearestName.distance(bytes, Array($0.utf8))) }.min { $0.1 < $1.1 }
        if let ranked, ranked.1 <= 2 { return ranked.0 }
        let leaf = name.dropFirst(5)
        if let same = all.first(where: { $0.hasSuffix("_" + leaf) }) { return same }
        let isSection = ConfigurationSchema.sections.contains { leaf.hasPrefix($0.uppercased() + "_") || leaf == $0.uppercased() }
        // A key's own name with a slip in it; names of few letters are too near to everything.
        if leaf.utf8.count >= 4 {
            let near = ConfigurationKey.allCases.min { distance(leaf, $0) < distance(leaf, $1) }
            if let near, distance(leaf, near) == 1 { return variable(for: near) }
        }
        return isSection ? ranked?.0 : nil
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var result = self
        while result.first == " " { result = result.dropFirst() }
        while result.last == " " { result = result.dropLast() }
        return result
    }
}
