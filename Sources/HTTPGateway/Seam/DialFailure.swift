/// Why there is no connection to the destination.
public struct DialFailure: Error, Sendable, Equatable {
    /// A sentence for the program inside: `connection refused`, `the address is private`.
    public var reason: String

    public init(reason: String) { self.reason = reason }
}
