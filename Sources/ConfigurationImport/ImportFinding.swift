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
