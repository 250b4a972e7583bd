import CoopErrors

/// What was allowed and denied while a sandbox runs, on top of its configuration.
///
/// The last word on the same hosts and requests counts. Like all rules, one that denies wins over every rule that allows; one that allows
/// comes before whatever the configuration allows or asks.
public struct LiveRules: Sendable, Hashable {
    /// The newest first.
    public private(set) var rules: [NetworkRule] = []

    /// Where such rules come from, for a person.
    private static let origins = [NetworkRule.Action.allow: "coop allow", .deny: "coop deny"]
    /// Of a rule that somebody has answered a question with.
    public static let answerOrigin = "your answer"

    public init() {}

    /// A rule for these hosts, as somebody writes it for a live sandbox.
    public static func rule(_ action: NetworkRule.Action, _ host: String) throws(CoopError) -> NetworkRule {
        try NetworkRule(parsing: host, action: action, origin: origins[action] ?? "")
    }

    /// Whether a rule was made for a live sandbox.
    public static func isLive(_ rule: NetworkRule) -> Bool { rule.origin == origins[rule.action] || rule.origin == answerOrigin }

    /// Adds rules; an older one about the same hosts and requests goes.
    public mutating func add(_ new: [NetworkRule]) {
        for rule in new {
            rules.removeAll { $0.host == rule.host && $0.methods == rule.methods && $0.paths == rule.paths }
            rules.insert(rule, at: 0)
        }
    }

    /// The policy with these rules in front.
    public func applied(to policy: NetworkPolicy) -> NetworkPolicy {
        var result = policy
        result.rules = rules + policy.rules
        return result
    }
}
