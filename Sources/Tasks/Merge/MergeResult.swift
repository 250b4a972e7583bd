import Workspaces

/// What came of computing a merge; nothing has been changed yet.
public enum MergeResult: Sendable, Equatable {
    /// There is nothing to bring over, and why.
    case nothing(why: String)
    /// The paths that both sides changed so that git cannot tell what is meant; of a rebase the commit that does not fit.
    case conflicts(paths: [String], commit: ObjectID?)
    case done(MergedCommit)
}

/// The commit that a branch would be at.
public struct MergedCommit: Sendable, Equatable {
    public var commit: ObjectID
    public var tree: ObjectID
    /// Whether it is the task's own last commit.
    public var isFastForward: Bool
    /// How many commits of the task are in it.
    public var commits: Int
}
