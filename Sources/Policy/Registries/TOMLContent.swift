import TOML

extension TOMLValue {
    /// The text of a string.
    var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The table.
    var table: TOMLTable? {
        if case .table(let table) = self { return table }
        return nil
    }

    /// The elements of an array.
    var elements: [TOMLValue] {
        if case .array(let nodes) = self { return nodes.map(\.value) }
        return []
    }
}
