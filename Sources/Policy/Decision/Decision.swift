/// What happens to a connection or request, and why.
public struct Decision: Sendable, Hashable {
    /// What decided.
    public enum Reason: Sendable, Hashable {
        /// The rule at this index of `NetworkPolicy.rules`.
        case rule(Int)
        /// No rule fits, and the mode is `scoped`.
        case noRule
        /// The mode is `open`.
        case openMode
        /// The mode is `none`.
        case closedMode
        /// The mode is `open`, and no rule names this port.
        case port
        /// The mode is `open`, and the name is not one of the public internet.
        case localName
        /// A direct connection to an address that no rule writes.
        case directAddress
        /// The address is closed in every mode.
        case closedAddress(AddressClass)
        /// What was to be judged is not the name of a host.
        case badName(HostNameProblem)
    }

    public var action: NetworkRule.Action
    public var reason: Reason

    public init(_ action: NetworkRule.Action, _ reason: Reason) {
        self.action = action
        self.reason = reason
    }

    /// The index of the rule that decided; nil when none did.
    public var rule: Int? {
        if case .rule(let index) = reason { return index }
        return nil
    }
}
