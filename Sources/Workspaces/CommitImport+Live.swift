import CoopErrors
import Glibc
import LinuxKernel

extension CommitImport {
    /// Takes over what was committed on the session's own branch, while the session goes on. Nothing is written inside, and no lock taken
    /// there: `runInside` may show the private directory read-only.
    ///
    /// - Parameter interruption: cuts it off at the end of the session.
    /// - Returns: nil where there is nothing to do: no branch is the session's own, HEAD is elsewhere (in the middle of a rebase), or the
    ///   branch has not moved.
    public func runLive(_ runInside: @escaping RunInside, interruption: ImportInterruption) throws -> ImportResult? {
        guard let own = privateGit.ownBranch else { return nil }
        let state = try describing("cannot look into the private git directory \(privateGit.directory.printable)") {
            try InsideState.read(privateGit)
        }
        let isBusy = !state.stateFiles.isDisjoint(with: ["rebase-merge", "rebase-apply"])
        guard state.head == .branch(own), !isBusy else { return nil }
        let turn = try lock()
        defer { withExtendedLifetime(turn) {} }
        return try interruption.reading {
            try git.verify()
            let transfer = ObjectTransfer(git: git, session: session, limits: limits) {
                try interruption.check()
                return try runInside($0, $1, $2)
            }
            try removeLeftovers(transfer)
            return try takeOver(own, state, transfer, interruption)
        }
    }

    private func takeOver(
        _ own: String, _ state: InsideState, _ transfer: ObjectTransfer, _ interruption: ImportInterruption
    ) throws -> ImportResult? {
        let listing = try list(transfer, state, only: own)
        guard let tip = listing.refs[own] else { return nil }
        var host = try currentHost()
        if host.refs[own] == tip { return nil }
        let missing = try transfer.bring([tip], known: knownTips() + [host.refs[own]].compactMap { $0 })
        let commits = Set(try transfer.types(of: [tip]).filter { $0.value == "commit" }.keys)
        // As at the end of a session; others hold it for a moment only.
        let exclusive = try lockRepository()
        defer { withExtendedLifetime(exclusive) {} }
        var result = ImportResult()
        result.references = try interruption.writing { try updateReferences(listing, state, missing, commits) }
        host = try currentHost()
        if host.head == state.head, host.headCommit == tip, try busy() == nil { result.index = try followPatiently(interruption) }
        return result
    }

    /// An editor that sees the branch move looks at the files at once, and its git may hold the index's lock just then.
    private func followPatiently(_ interruption: ImportInterruption) throws -> ImportResult.Followed {
        for _ in 0..<20 {
            let followed = try interruption.writing { try follow("HEAD") { _ in } }
            guard case .left = followed else { return followed }
            usleep(100_000)
        }
        return try interruption.writing { try follow("HEAD") { _ in } }
    }
}
