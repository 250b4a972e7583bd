/// Why a request does not leave, as the program inside will read it.
public struct Denial: Sendable, Equatable {
    /// The rule that decided, or `no rule`.
    public var rule: String
    /// A sentence for a person.
    public var reason: String
    /// The command that would allow it, when there is one.
    public var next: String?

    public init(rule: String, reason: String, next: String? = nil) {
        self.rule = rule
        self.reason = reason
        self.next = next
    }
}
