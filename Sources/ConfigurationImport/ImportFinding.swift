import TOML

/// What one key of another tool's file became, or why it became nothing.
public struct ImportFinding: Sendable {
    public enum Outcome: Sendable {
        /// It says the same as these settings of coop.
        case becomes(ImportedSetting)
        /// Coop does so anyway.
        case covered(String)
        /// Why it is left out.
        case dropped(String)
        /// It is a secret, whose place is not a configuration file.
        case secret
    }

    /// The key as the tool writes it: `network.domains[0]`.
    public var key: String
    /// From 1.
    public var line: Int
    public var column: Int
    public var outcome: Outcome
    /// A command that does what the key did.
    public var next: String?
}

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
