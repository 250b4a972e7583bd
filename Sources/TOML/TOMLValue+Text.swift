extension TOMLValue {
    /// The value as it stands behind `=`, on one line.
    public var text: String {
        switch self {
        case .string(let value): return TOMLValue.quoted(value)
        case .integer(let value): return String(value)
        case .float(let value):
            if value.isNaN { return "nan" }
            if value.isInfinite { return value < 0 ? "-inf" : "inf" }
            // Swift writes the shortest text that reads back as the same number, as TOML wants it: 2.0, 1e+100.
            return value.description
        case .boolean(let value): return value ? "true" : "false"
        case .dateTime(let value): return value.text
        case .array(let elements): return "[" + elements.map(\.value.text).joined(separator: ", ") + "]"
        case .table(let table):
            if table.entries.isEmpty { return "{}" }
            return "{ " + table.entries.map { "\(TOMLValue.keyText($0.key)) = \($0.node.value.text)" }.joined(separator: ", ") + " }"
        }
    }

    /// A key, in quotes where it needs them.
    public static func keyText(_ key: String) -> String {
        !key.isEmpty && key.utf8.allSatisfy(\.isBareKey) ? key : quoted(key)
    }

    /// A dotted key.
    public static func keyText(_ path: some Sequence<String>) -> String {
        path.map { keyText($0) }.joined(separator: ".")
    }

    /// A basic string.
    static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                result += "\\u" + UInt8(scalar.value).hexName.dropFirst(2)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
