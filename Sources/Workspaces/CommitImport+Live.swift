import CoopErrors
import Glibc
import LinuxKernel

extension CommitImport {
    /// Takes over what was committed on the session's own branch, while the session goes on. Nothing is written inside, and no lock taken
    /// there: `runInside` may show the private directory read-only.
    ///
    /// - Returns: nil where there is nothing to do: no branch is the session's own, HEAD is elsewhere (in the middle of a rebase), or the
    ///   branch has not moved.
    public func runLive(_ runInside: @escaping RunInside) throws -> ImportResult? {
        guard let own = privateGit.ownBranch else { return nil }
        let state = try describing("cannot look into the private git directory \(privateGit.directory.printable)") {
            try InsideState.read(privateGit)
        }
        let isBusy = !state.stateFiles.isDisjoint(with: ["rebase-merge", "rebase-apply"])
        guard state.head == .branch(own), !isBusy else { return nil }
        let lock = try describing("cannot lock the repository") { try RepositoryLock(of: git.repository, in: stateDirectory) }
        defer { withExtendedLifetime(lock) {} }
        try git.verify()
        let transfer = ObjectTransfer(git: git, session: session, limits: limits, runInside: runInside)
        let listing = try list(transfer, state, only: own)
        guard let tip = listing.refs[own] else { return nil }
        var host = try currentHost()
        if host.refs[own] == tip { return nil }
        let missing = try transfer.bring([tip], known: knownTips() + [host.refs[own]].compactMap { $0 })
        let commits = Set(try transfer.types(of: [tip]).filter { $0.value == "commit" }.keys)
        var result = ImportResult()
        result.references = try updateReferences(listing, state, missing, commits)
        host = try currentHost()
        if host.head == state.head, host.headCommit == tip, busy() == nil { result.index = try followPatiently() }
        return result
    }

    /// An editor that sees the branch move looks at the files at once, and its git may hold the index's lock just then.
    private func followPatiently() throws -> ImportResult.Followed {
        for _ in 0..<20 {
            let followed = try follow("HEAD") { _ in }
            guard case .left = followed else { return followed }
            usleep(100_000)
        }
        return try follow("HEAD") { _ in }
    }
}
