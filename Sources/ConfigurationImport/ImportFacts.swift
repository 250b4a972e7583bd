/// What the translation has to know about coop and the machine.
public struct ImportFacts: Sendable {
    /// The user's home directory.
    public var home: String
    /// Whether a variable of the host reaches the inside by itself.
    public var passes: @Sendable (String) -> Bool
    /// Whether whatever a pattern names stays out by itself.
    public var isBlocked: @Sendable (String) -> Bool

    public init(home: String, passes: @escaping @Sendable (String) -> Bool, isBlocked: @escaping @Sendable (String) -> Bool) {
        self.home = home
        self.passes = passes
        self.isBlocked = isBlocked
    }
}
