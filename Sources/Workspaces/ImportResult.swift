/// What an import did with everything that git changed in a sandbox.
public struct ImportResult: Sendable, Equatable {
    /// What became of one reference.
    public enum Outcome: Sendable, Equatable {
        /// Made under its own name.
        case created
        /// The user's branch went forward to it.
        case fastForwarded
        /// The session's own branch was rewritten; where its commits were from before the session, they are kept under the name `kept`.
        case rewritten(kept: String?)
        /// The host already had it, from an earlier import or by itself.
        case alreadyThere
        /// Kept under another name, `refs/coop/ID/…`.
        case parked(name: String, why: String)
        /// Not taken over, since it is not wanted.
        case skipped(why: String)
        /// It is wanted and could not be taken over: what is there is nowhere but in the private git directory, which has to be kept.
        case refused(why: String)
    }

    /// One reference that differs inside from the start of the session.
    public struct Reference: Sendable, Equatable {
        public var name: String
        /// nil when it was deleted inside.
        public var object: ObjectID?
        public var outcome: Outcome
    }

    /// What became of HEAD or of the index.
    public enum Followed: Sendable, Equatable {
        /// It did not change inside.
        case unchanged
        /// The host's is now as it was inside.
        case taken
        case left(why: String)
    }

    public var references: [Reference] = []
    public var head: Followed = .unchanged
    public var index: Followed = .unchanged
    /// Further facts a person should know, one sentence each.
    public var notes: [String] = []

    public init() {}

    /// Whether everything that was done inside is on the host under its own name.
    public var isComplete: Bool {
        let refs = references.allSatisfy {
            switch $0.outcome {
            case .created, .fastForwarded, .rewritten, .alreadyThere: true
            case .parked, .skipped, .refused: false
            }
        }
        if case .left = head { return false }
        if case .left = index { return false }
        return refs && notes.isEmpty
    }

    /// What is nowhere but in the private git directory.
    public var refused: [Reference] {
        references.filter { if case .refused = $0.outcome { true } else { false } }
    }
}
