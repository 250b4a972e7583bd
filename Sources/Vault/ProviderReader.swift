import CoopErrors
import TOML

/// Takes values out of a table of a provider's file, with errors that name the key.
struct ProviderReader {
    private let root: TOMLTable

    init(_ root: TOMLTable) { self.root = root }

    func problem(_ why: String) -> CoopError { CoopError(.failed, "a provider's file is wrong", why, next: "coop version") }

    func optionalText(_ key: String) -> String? {
        if case .string(let text)? = root[key]?.value { text } else { nil }
    }

    func text(_ key: String) throws(CoopError) -> String {
        guard let text = optionalText(key) else { throw problem("`\(key)` must be a string") }
        return text
    }

    func number(_ key: String) throws(CoopError) -> Int {
        guard case .integer(let number)? = root[key]?.value else { throw problem("`\(key)` must be an integer") }
        return Int(number)
    }

    func texts(_ key: String, isOptional: Bool = false) throws(CoopError) -> [String] {
        guard let node = root[key] else {
            if isOptional { return [] }
            throw problem("`\(key)` is missing")
        }
        guard case .array(let elements) = node.value else { throw problem("`\(key)` must be an array") }
        return elements.compactMap { if case .string(let text) = $0.value { text } else { nil } }
    }

    func pairs(_ key: String) throws(CoopError) -> [(name: String, value: String)] {
        guard let node = root[key] else { return [] }
        guard case .table(let table) = node.value else { throw problem("`\(key)` must be a table") }
        return table.entries.compactMap { if case .string(let text) = $0.node.value { ($0.key, text) } else { nil } }
    }

    func table(_ key: String) throws(CoopError) -> ProviderReader {
        guard case .table(let table)? = root[key]?.value else { throw problem("`\(key)` must be a table") }
        return ProviderReader(table)
    }

    func tables(_ key: String) throws(CoopError) -> [ProviderReader] {
        guard case .array(let elements)? = root[key]?.value else { throw problem("`\(key)` must be an array of tables") }
        return elements.compactMap { if case .table(let table) = $0.value { ProviderReader(table) } else { nil } }
    }
}
