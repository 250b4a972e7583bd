/// What a person answers when a rule asks.
public enum Consent: UInt8, Sendable, CaseIterable {
    case no
    /// For what waits now.
    case once
    /// As long as this sandbox lives.
    case session
    /// From now on.
    case always
    /// Nobody could be asked, or has answered in time.
    case absent
}
