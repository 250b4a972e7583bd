/// A session as it is kept on disk, alive or over.
public struct StoredSession: Sendable {
    /// Where its log is: `$COOP_HOME/projects/KEY/sessions/ID`.
    public let directory: String
    /// The key of its project.
    public let project: String
    public var summary: SessionSummary
    /// Whether its supervisor lives.
    public let isLive: Bool

    public init(directory: String, project: String, summary: SessionSummary, isLive: Bool) {
        self.directory = directory
        self.project = project
        self.summary = summary
        self.isLive = isLive
        // Its supervisor was killed, and no command has swept yet.
        if !isLive, !summary.state.isOver {
            self.summary.state = .failed
            self.summary.reason = "its supervisor was killed"
        }
    }

    public var id: String { summary.id }
}
