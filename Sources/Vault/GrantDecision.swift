import CoopErrors
import Substitution

/// What the grants say about one request.
public enum GrantDecision: Sendable {
    /// Nothing: no grant is for this host. The names are grants whose stubs it holds nonetheless, which is worth recording.
    case none(misplaced: [String])
    /// It may go, with these credentials. A stub in another place stays a stub.
    case inject([Injection], misplaced: [String])
    /// It bears a credential that is not the granted one: somebody else's account on a host where only the user's own may be used.
    case foreign(place: String)
    /// The credential cannot be had; the request must not go without it.
    case unavailable(CoopError)
}
