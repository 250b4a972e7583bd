/// What happens to a connection before anything of its content is known.
public enum ConnectionDecision: Sendable, Hashable {
    /// The same for every request: allow, deny or ask.
    case settled(Decision)
    /// It depends on the request: the gateway has to read each and have it judged.
    case inspect
}
