/// Something that the worker stopped, or that says that a program inside tries to get around the gateway.
public enum IncidentKind: UInt8, Sendable, CaseIterable {
    /// A real secret in outgoing bytes; the detail is the fingerprint's id and the place.
    case secretLeaving = 0
    /// A credential that is not the granted one, on a host that has a grant.
    case foreignCredential = 1
    /// The name in TLS is not the name that was connected to.
    case nameMismatch = 2
    /// A request that two parsers would cut differently.
    case smuggling = 3
    /// Bytes that are not the protocol they claim to be.
    case malformed = 4
    /// A bound of `WorkerLimits` was reached.
    case limitReached = 5
    /// An upstream certificate that does not verify.
    case untrustedUpstream = 6
    /// Something that is never allowed: IPv6, UDP by proxy, a connection to the gateway's own port.
    case refused = 7
    /// An upstream that could not be reached, or broke its protocol.
    case upstreamFailed = 8
    /// A stub in a place where nothing replaces it; the detail is the stub's id and the place.
    case stubLeaving = 9
}
