/// What a landing was for: kept with it, for the undo and for whoever has to finish it after a kill.
public struct LandingNote: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Changes of an overlay.
        case apply
        /// An apply taken back.
        case undo
        /// A task's branch merged.
        case merge
    }

    public var kind: Kind
    /// The session or task.
    public var subject: String
    /// Whatever the caller needs to finish, or to take back, what goes with the tree: names of refs and their commits.
    public var detail: String

    public init(kind: Kind, subject: String, detail: String = "") {
        self.kind = kind
        self.subject = subject
        self.detail = detail
    }
}
