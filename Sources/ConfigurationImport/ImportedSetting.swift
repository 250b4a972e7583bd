import TOML

/// A setting of coop's.
public struct ImportedSetting: Sendable {
    public enum Change: Sendable {
        case value(TOMLValue)
        /// One more element of a list.
        case element(TOMLValue)
        /// One more table of an array of tables.
        case record([(key: String, value: TOMLValue)])
    }

    /// The key and, in a table with names, the name.
    public var path: [String]
    public var change: Change

    /// As it would stand in a file.
    public var text: String {
        switch change {
        case .value(let value): "\(TOMLValue.keyText(path)) = \(value.text)"
        case .element(let value): "\(TOMLValue.keyText(path)) += \(value.text)"
        case .record(let pairs): "[[\(TOMLValue.keyText(path))]] " + pairs.map { "\($0.key) = \($0.value.text)" }.joined(separator: ", ")
        }
    }
}
