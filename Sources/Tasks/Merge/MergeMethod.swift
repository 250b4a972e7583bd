/// How the commits of one branch come onto another.
public enum MergeMethod: String, Sendable, CaseIterable {
    /// As git-merge(1) does: the branch moves forward where it can, else there is a merge commit.
    case merge
    /// One commit with everything.
    case squash
    /// Each commit again, one after another (git-rebase(1)); then the branch moves forward.
    case rebase
}
