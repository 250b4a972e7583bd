/// Why something was refused, in words for the program inside.
public struct Denial: Hashable, Sendable {
    /// The rule that decided, as the user wrote it, or `no rule`.
    public var rule: String
    public var reason: String
    /// The command that would allow it; empty where none would.
    public var next: String

    public init(rule: String, reason: String, next: String) {
        self.rule = rule
        self.reason = reason
        self.next = next
    }
}

/// Why no connection to an allowed destination came about.
public enum Unreachable: UInt8, Sendable, CaseIterable {
    /// The name does not exist, or has no IPv4 or IPv6 address.
    case unknownName = 0
    /// The resolver did not answer.
    case resolverFailed = 1
    /// The destination refused the connection.
    case refused = 2
    /// The destination did not answer in time.
    case timedOut = 3
    /// No route to the destination's network or host.
    case noRoute = 4
    /// The address connected to is of a closed class: private, loopback, link-local, metadata, the host's own.
    case closedAddress = 5
    /// The upstream proxy cannot be reached, or does not answer as one.
    case proxyFailed = 6
    /// The host is out of descriptors, memory or ports.
    case exhausted = 7
    /// The upstream proxy wants to know who asks, or does not believe it.
    case proxyCredentials = 8
    /// The upstream proxy does not connect to it.
    case proxyRefused = 9

    /// For people.
    public var words: String {
        switch self {
        case .unknownName: "no such host"
        case .resolverFailed: "the name could not be resolved"
        case .refused: "connection refused"
        case .timedOut: "the connection timed out"
        case .noRoute: "no route to the host"
        case .closedAddress: "its address is of a class that is closed to sandboxes"
        case .proxyFailed: "the upstream proxy cannot be reached, or is none"
        case .proxyCredentials: "the upstream proxy wants other credentials"
        case .proxyRefused: "the upstream proxy does not connect to it"
        case .exhausted: "the host is out of resources"
        }
    }
}
