import Substitution

/// The judge's answer for one request.
public enum Verdict: Sendable {
    /// The request may leave, with these secrets put in.
    case allow([Injection])
    case deny(Denial)
    /// The request does not leave: its whole body goes to the judge, who answers it.
    case collect
}
