/// What a session does now.
public enum SessionState: String, Sendable, CaseIterable {
    case starting
    case working
    /// It waits, and nothing says that it needs somebody.
    case idle
    /// It waits for a person.
    case attention
    /// Its command has ended.
    case exited
    /// Coop could not start it or go on, or its supervisor was killed.
    case failed

    /// Whether nothing follows any more.
    public var isOver: Bool { self == .exited || self == .failed }
}
