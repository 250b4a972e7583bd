import Workspaces

/// How far a task's branch and its base have moved apart, by their commits.
public struct TaskDivergence: Sendable, Equatable {
    /// A file that differs between two commits.
    public struct File: Sendable, Equatable {
        /// `A` added, `M` modified, `D` deleted, `T` of another kind (git-diff-tree(1), "--name-status").
        public var status: String
        public var path: String

        public init(status: String, path: String) {
            self.status = status
            self.path = path
        }
    }

    public var task: String
    /// Without `refs/heads/`.
    public var branch: String
    public var base: String
    /// Commits of the task that the base has not.
    public var ahead: Int
    /// Commits of the base that the task has not.
    public var behind: Int
    /// What the task changed since the two parted, sorted by path.
    public var files: [File]
}
