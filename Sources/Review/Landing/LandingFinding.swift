/// Something in a change that the host would execute or trust.
public struct LandingFinding: Sendable {
    /// Relative to the root of the tree.
    public var path: String
    public var kind: LandingKind
    /// The pattern of the rule, or the name of the check: `set-user-id`.
    public var rule: String
    /// Who executes or trusts it, in a few words: the end of a sentence about the path.
    public var reason: String
    /// The directory that the rule is about, where the path lies in one.
    public var directory: String?

    public init(path: String, kind: LandingKind, rule: String, reason: String, directory: String? = nil) {
        self.path = path
        self.kind = kind
        self.rule = rule
        self.reason = reason
        self.directory = directory
    }
}
