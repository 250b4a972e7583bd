import LinuxKernel

extension CommitImport {
    /// A branch whose last commit is not accepted.
    struct RefusedBranch {
        var name: String
        var tip: ObjectID
        var why: String
        /// The newest commit before it with which everything is well; it is in the repository already. Nil where there is none.
        var accepted: ObjectID?
    }

    /// How many refused branches are looked at for what can be taken over of them; the others wait as a whole.
    private static let searched = 4

    /// What of refused branches can be taken over all the same: their commits up to the one with which the host's git finds fault.
    func refusedBranches(
        _ listing: RefListing, _ state: InsideState, _ host: RefSnapshot, _ missing: [ObjectID: String], _ transfer: ObjectTransfer
    ) throws -> [RefusedBranch] {
        if missing.isEmpty { return [] }
        var result: [RefusedBranch] = []
        for (name, tip) in listing.refs where name.hasPrefix("refs/heads/") && tip != privateGit.start.refs[name] && tip != host.refs[name]
        {
            if let why = missing[tip], ImportPlan.reasonToSkip(name) == nil { result.append(RefusedBranch(name: name, tip: tip, why: why)) }
        }
        let current: String? = if case .branch(let name) = state.head { name } else { nil }
        func rank(_ branch: RefusedBranch) -> Int { branch.name == privateGit.ownBranch ? 0 : branch.name == current ? 1 : 2 }
        result.sort { (rank($0), $0.name) < (rank($1), $1.name) }
        for number in result.indices.prefix(CommitImport.searched) {
            result[number].accepted = try newestAccepted(below: result[number].tip, host, transfer)
        }
        return result
    }

    /// Along the first parents. What is well with a commit is well with its parents, so that halving finds the place.
    private func newestAccepted(below tip: ObjectID, _ host: RefSnapshot, _ transfer: ObjectTransfer) throws -> ObjectID? {
        let known = knownTips()
        let revisions = [tip.hex + "\n"] + known.map { "^\($0.hex)\n" }
        // The list is the sandbox's word, as are its references: each commit of it is checked like any other.
        guard
            let list = try transfer.output(
                ["rev-list", "--first-parent", "--max-count=4096", "--stdin"], input: Array(revisions.joined().utf8), limit: 1 << 20)
        else { return nil }
        let commits = list.split(separator: UInt8(ascii: "\n")).compactMap { ObjectID(String(decoding: $0, as: UTF8.self)) }
            .filter { $0.hex.utf8.count == privateGit.objectFormat.digits && $0 != tip }
        func isAccepted(_ id: ObjectID) throws -> Bool { try transfer.bring([id], known: known).isEmpty }
        guard let oldest = commits.last, try isAccepted(oldest) else { return nil }
        // The newest comes first: those from `last` on are accepted, those before `first` are not.
        var (first, last) = (0, commits.count - 1)
        while first < last {
            let middle = (first + last) / 2
            if try isAccepted(commits[middle]) { last = middle } else { first = middle + 1 }
        }
        return commits[last]
    }
}
