import TOML

/// A value of another tool's file, in TOML or YAML, and where it stands.
public struct ImportNode: Sendable {
    public indirect enum Value: Sendable {
        /// Text, a number or a truth value, as it is written.
        case scalar(String)
        case list([ImportNode])
        case table([(key: String, node: ImportNode)])
    }

    public var value: Value
    /// From 1.
    public var line: Int
    public var column: Int

    init(_ value: Value, line: Int, column: Int) {
        self.value = value
        self.line = line
        self.column = column
    }

    init(_ node: TOMLNode) {
        self.init(ImportNode.value(node.value), line: node.position.line, column: node.position.column)
    }

    init(_ table: TOMLTable) {
        self.init(ImportNode.value(.table(table)), line: 1, column: 1)
    }

    private static func value(_ value: TOMLValue) -> Value {
        switch value {
        case .string(let text): .scalar(text)
        case .array(let elements): .list(elements.map { ImportNode($0) })
        case .table(let table): .table(table.entries.map { ($0.key, ImportNode($0.node)) })
        default: .scalar(value.text)
        }
    }

    /// The text of a scalar.
    var text: String? {
        if case .scalar(let text) = value { return text }
        return nil
    }

    /// The value of a name in a table.
    subscript(key: String) -> ImportNode? {
        guard case .table(let entries) = value else { return nil }
        return entries.first { $0.key == key }?.node
    }

    /// The elements of a list; a single value is a list of one.
    var elements: [ImportNode] {
        if case .list(let nodes) = value { return nodes }
        return [self]
    }
}
