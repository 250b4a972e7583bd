/// A pattern of paths whose contents the host would execute or trust, and why.
public struct LandingRule: Sendable {
    public var pattern: PathPattern
    public var kind: LandingKind
    /// What has to differ inside for the rule to apply; nil where any difference counts.
    public var inspection: ContentInspection?
    /// Who executes or trusts it: the end of a sentence about the path.
    public var reason: String

    public init(pattern: PathPattern, kind: LandingKind, inspection: ContentInspection? = nil, reason: String) {
        self.pattern = pattern
        self.kind = kind
        self.inspection = inspection
        self.reason = reason
    }
}
