import LinuxKernel

extension CommitImport {
    /// Lets HEAD of the host follow HEAD inside, when the host's has not moved since the start.
    func moveHead(
        _ inside: RefSnapshot.Head?, _ insideCommit: ObjectID?, _ host: RefSnapshot, _ commits: Set<ObjectID>
    ) throws -> ImportResult.Followed {
        guard let inside else { return .left(why: "HEAD inside is not readable") }
        if inside == privateGit.start.head { return .unchanged }
        if host.head == inside { return .taken }
        if !isLive { return .left(why: "the workspace was not the host's own") }
        if host.head != privateGit.start.head { return .left(why: "HEAD moved on the host meanwhile") }
        if let why = try busy() { return .left(why: why) }
        let message = "coop: import of session \(session)"
        switch inside {
        case .branch(let name) where privateGit.ownBranch.map { $0 != name } ?? false:
            // The branch itself is not the session's to move or to make; the files are those of its commit.
            guard let id = insideCommit, try isKnown(id, commits) else { return .left(why: "the commit of \(name) could not be imported") }
            try detach(id, host, message)
        case .branch(let name):
            guard RefName.isValid(name), name != "refs/heads/HEAD" else { return .left(why: "HEAD inside names no possible branch") }
            guard host.refs[name] == insideCommit else { return .left(why: "\(name) on the host is not as it is inside") }
            if try checkedOutElsewhere().contains(name) { return .left(why: "another worktree has \(name) checked out") }
            _ = try git.run(["symbolic-ref", "-m", message, "HEAD", name])
        case .detached(let id):
            guard try isKnown(id, commits) else { return .left(why: "the commit of HEAD inside could not be imported") }
            try detach(id, host, message)
        }
        return .taken
    }

    private func isKnown(_ id: ObjectID, _ commits: Set<ObjectID>) throws -> Bool {
        try commits.contains(id) || git.attempt(["cat-file", "-e", "\(id.hex)^{commit}"]).status.isSuccess
    }

    private func detach(_ id: ObjectID, _ host: RefSnapshot, _ message: String) throws {
        let old = host.headCommit?.hex ?? privateGit.objectFormat.zero
        _ = try git.run(["update-ref", "--no-deref", "-m", message, "HEAD", id.hex, old])
    }
}
