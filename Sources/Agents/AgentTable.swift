import CoopErrors
import LinuxKernel
import Projects
import TOML

/// A table of an agent's file, from which values are taken by key and kind.
struct AgentTable {
    private let table: TOMLTable
    private let document: String
    /// What leads to it, with a dot behind; empty for the file itself.
    private let path: String

    init(_ table: TOMLTable, document: String, path: String) {
        self.table = table
        self.document = document
        self.path = path
    }

    func has(_ key: String) -> Bool { table[key] != nil }

    func value(_ key: String) -> TOMLValue? { table[key]?.value }

    /// An error about a key, at its place; at the beginning of the file where it is missing.
    func problem(_ key: String, _ why: String) -> CoopError {
        let place = table[key].map { "\($0.position)" } ?? "1:1"
        return CoopError(
            .configuration, "the file of an agent is wrong", "\(document.printable):\(place): `\(path)\(key.printable)` \(why)",
            next: "edit \(document.shellQuoted)")
    }

    /// Refuses every other key.
    func allow(_ keys: [String]) throws(CoopError) {
        for entry in table.entries where !keys.contains(entry.key) {
            let near = NearestName.find(entry.key, among: keys).map { "; did you mean `\(path)\($0)`?" } ?? ""
            throw CoopError(
                .configuration, "the file of an agent is wrong",
                "\(document.printable):\(entry.keyPosition): unknown key `\(path)\(entry.key.printable)`\(near)",
                next: "edit \(document.shellQuoted)")
        }
    }

    /// - Parameter otherwise: what it is where the key is missing; nil for a key that must be there.
    func text(_ key: String, _ otherwise: String?) throws(CoopError) -> String {
        guard let node = table[key] else {
            guard let otherwise else { throw problem(key, "is missing") }
            return otherwise
        }
        guard case .string(let text) = node.value else { throw problem(key, "must be a string, not \(node.value.kindName)") }
        guard !text.utf8.contains(0) else { throw problem(key, "may not hold a NUL character") }
        return text
    }

    /// - Returns: nil where the key is missing.
    func flag(_ key: String) throws(CoopError) -> Bool? {
        guard let node = table[key] else { return nil }
        guard case .boolean(let flag) = node.value else { throw problem(key, "must be true or false") }
        return flag
    }

    func name(_ key: String, _ otherwise: String?) throws(CoopError) -> String {
        let name = try text(key, otherwise)
        let isValid =
            (1...32).contains(name.utf8.count) && !name.hasPrefix("-")
            && name.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }
        guard isValid else { throw problem(key, "must be 1 to 32 lower-case letters, digits and `-`") }
        return name
    }

    func texts(_ key: String, _ otherwise: [String]?) throws(CoopError) -> [String] {
        guard let node = table[key] else {
            guard let otherwise else { throw problem(key, "is missing") }
            return otherwise
        }
        guard case .array(let elements) = node.value else { throw problem(key, "must be an array, not \(node.value.kindName)") }
        var result: [String] = []
        for element in elements {
            guard case .string(let text) = element.value, !text.utf8.contains(0) else { throw problem(key, "must hold strings only") }
            result.append(text)
        }
        return result
    }

    /// Names of members of an object of JSON, from its root.
    func names(_ key: String, _ otherwise: [String]?) throws(CoopError) -> [String] {
        let names = try texts(key, otherwise)
        guard !names.isEmpty else { throw problem(key, "must name a member") }
        return names
    }

    /// Several of them.
    func lists(_ key: String, _ otherwise: [[String]]) throws(CoopError) -> [[String]] {
        guard let node = table[key] else { return otherwise }
        guard case .array(let elements) = node.value else { throw problem(key, "must be an array, not \(node.value.kindName)") }
        var result: [[String]] = []
        for element in elements {
            guard case .array(let parts) = element.value, !parts.isEmpty else { throw problem(key, "must hold arrays of names") }
            var names: [String] = []
            for part in parts {
                guard case .string(let text) = part.value else { throw problem(key, "must hold arrays of names") }
                names.append(text)
            }
            result.append(names)
        }
        return result
    }

    /// A path below the home directory.
    func path(_ key: String) throws(CoopError) -> String { try checked(try text(key, nil), key) }

    func paths(_ key: String, _ otherwise: [String]) throws(CoopError) -> [String] {
        var result: [String] = []
        for path in try texts(key, otherwise) { result.append(try checked(path, key)) }
        return result
    }

    /// Paths below the project; a directory has `/` behind it.
    func projectPaths(_ key: String, _ otherwise: [String]) throws(CoopError) -> [String] {
        let result = try texts(key, otherwise)
        for path in result {
            let parts = FileSystem.components(of: path)
            guard !path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !parts.contains("."), parts != [".git"] else {
                throw problem(key, "must be relative to the project, without `..`: `\(path.printable)`")
            }
        }
        return result
    }

    private func checked(_ path: String, _ key: String) throws(CoopError) -> String {
        let parts = FileSystem.components(of: path)
        guard !path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !parts.contains(".") else {
            throw problem(key, "must be relative to the home directory, without `..`: `\(path.printable)`")
        }
        return path
    }

    func variables(_ key: String, _ otherwise: [Agent.Variable]) throws(CoopError) -> [Agent.Variable] {
        guard has(key) else { return otherwise }
        let inner = try table(key, nil)
        var result: [Agent.Variable] = []
        for entry in inner.table.entries {
            let isName =
                !entry.key.isEmpty && entry.key.first?.isNumber == false
                && entry.key.utf8.allSatisfy {
                    ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F
                }
            guard isName else { throw inner.problem(entry.key, "is not the name of a variable") }
            result.append(Agent.Variable(name: entry.key, value: try inner.text(entry.key, nil)))
        }
        return result
    }

    /// A table, empty where there is none.
    ///
    /// - Parameter keys: the keys that it may have; nil for any.
    func table(_ key: String, _ keys: [String]?) throws(CoopError) -> AgentTable {
        guard let node = table[key] else { return AgentTable(TOMLTable([]), document: document, path: path + key + ".") }
        guard case .table(let inner) = node.value else { throw problem(key, "must be a table, not \(node.value.kindName)") }
        let result = AgentTable(inner, document: document, path: path + key + ".")
        if let keys { try result.allow(keys) }
        return result
    }

    func tables(_ key: String, _ keys: [String]) throws(CoopError) -> [AgentTable] {
        guard case .array(let elements)? = table[key]?.value else { throw problem(key, "must be an array of tables, [[\(path)\(key)]]") }
        var result: [AgentTable] = []
        for element in elements {
            guard case .table(let inner) = element.value else { throw problem(key, "must be an array of tables, [[\(path)\(key)]]") }
            let table = AgentTable(inner, document: document, path: path + key + ".")
            try table.allow(keys)
            result.append(table)
        }
        return result
    }
}
