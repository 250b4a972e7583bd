import Substitution

/// The judge's answer for one request.
public enum Verdict: Sendable {
    /// The request may leave, with these secrets put in.
    case allow([Injection])
    case deny(Denial)
}
