import Policy

/// What a rule leaves to the person at the terminal: whether one destination may be reached.
public struct EgressQuestion: Sendable {
    /// The host, with the port where it is neither 443 nor 80; as a rule would name it.
    public let place: String
    public let host: String
    public let port: UInt16
    /// Of the request that waits; nil where nothing but the connection is known.
    public let request: (method: String, path: String)?
    /// The rule that asks; nil where no rule says anything and every unknown host is asked about.
    public let rule: NetworkRule?
}

/// What came of it.
public enum EgressConsent: Sendable, Equatable {
    case unasked
    case given
    /// With the reason, for the program and the record.
    case refused(String)
}
