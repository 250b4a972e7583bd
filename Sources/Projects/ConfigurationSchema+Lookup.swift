extension ConfigurationSchema {
    /// The key that a dotted path belongs to, and what of the path lies inside its table: `sandbox.env.A` gives `sandbox.env` and
    /// `A`. Nil when there is no such key.
    public static func key(at path: [String]) -> (key: ConfigurationKey, rest: ArraySlice<String>)? {
        for length in [2, 1] where length <= path.count {
            let prefix = path.prefix(length)
            // A quoted part may hold a dot; no key of ours does.
            if prefix.contains(where: { $0.contains(".") }) { continue }
            if let key = keys[prefix.joined(separator: ".")] { return (key, path.dropFirst(length)) }
        }
        return nil
    }
}

extension ConfigurationSchema.Form: CustomStringConvertible {
    /// The form as `config list` shows it.
    public var description: String {
        switch self {
        case .text(.oneOf(let allowed)): allowed.joined(separator: " | ")
        case .text: "text"
        case .size: "size (4G)"
        case .duration: "duration (1h30m)"
        case .count(let range): "integer \(range.lowerBound)–\(range.upperBound)"
        case .fraction: "number"
        case .list: "list"
        case .ports: "list of ports"
        case .mounts: "list of HOST[:GUEST][:ro|rw]"
        case .flag: "true | false"
        case .map: "table NAME = text"
        case .records(let fields): "[[…]] with " + fields.map(\.name).joined(separator: ", ")
        case .named(let fields): "[….NAME] with " + fields.map(\.name).joined(separator: ", ")
        }
    }
}
