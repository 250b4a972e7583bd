import CoopErrors
import Glibc
import LinuxKernel

/// Takes over what git did in a sandbox: commits, branches, tags, HEAD and the staged changes.
///
/// The host never opens the private directory as a repository. It reads a few files of it as bytes to see whether anything
/// changed; git inside lists its references and writes a pack; the host believes neither until git on the host has checked every
/// object. Each step can be repeated: after `kill -9` between any two, a second run finishes the work.
public struct CommitImport: Sendable {
    /// Runs a command inside, with these bytes as its standard input and the descriptor as its standard output; returns its exit
    /// status. The working directory is the workspace. It has to end by itself: a time limit is the caller's. The descriptor may be
    /// a pipe whose reader gives up: whoever relays bytes to it must ignore SIGPIPE. It must not be kept.
    public typealias RunInside = (_ arguments: [String], _ input: [UInt8], _ output: Int32) throws -> Int32

    /// Bounds on what a sandbox may hand over.
    public struct Limits: Sendable {
        /// Bytes of a pack.
        public var packBytes: UInt64 = 4 << 30
        /// Bytes of memory that git on the host may use to check it.
        public var memory: UInt64 = 4 << 30
        /// References listed inside.
        public var references = 50_000
        /// Bytes of that list.
        public var listingBytes = 16 << 20
        /// Branches that are tried one by one when all of them together are refused.
        public var separateTips = 64
        /// Host references that git inside is told about, so that it leaves out what the host has.
        public var knownTips = 5_000
        /// Milliseconds for each call of git on the host.
        public var timeout = 1_800_000

        public init() {}
    }

    /// The points between two effects, for tests that stop there.
    public enum Step: String, Sendable, CaseIterable {
        case objectsStored, referencesUpdated, headMoved, indexPlanned, indexLocked, indexReplaced
    }

    let session: String
    let privateGit: PrivateGit
    let stateDirectory: String
    let isLive: Bool
    let limits: Limits
    let git: HostGit

    /// - Parameters:
    ///   - session: the session's id, part of the names `refs/coop/ID/…`: letters, digits, `-` and `_`.
    ///   - privateGit: as prepared at the start, or loaded by ``PrivateGit/load(from:)``.
    ///   - git: the git program of the host (``HostGit/find(path:)``).
    ///   - stateDirectory: a directory of coop's own for locks and journals.
    ///   - isLive: whether the sandbox worked on the host's own files. If not, neither the branch that is checked out nor HEAD nor
    ///     the index is moved, because the files would not fit.
    public init(
        session: String, privateGit: PrivateGit, git: String, stateDirectory: String, isLive: Bool = true, limits: Limits = Limits()
    ) throws {
        let allowed = session.utf8.allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
        guard allowed, !session.isEmpty, !session.hasPrefix("-"), session.utf8.count <= 100 else {
            throw CoopError(.usage, "cannot import commits", "`\(session.printable)` cannot be the id of a session", next: "coop ps")
        }
        self.session = session
        self.privateGit = privateGit
        self.stateDirectory = stateDirectory
        self.isLive = isLive
        self.limits = limits
        self.git = HostGit(privateGit.repository, executable: git, expected: privateGit.identity, views: stateDirectory)
    }

    /// Removes what only a later run of the same import would need. Once the session is over and nothing of it will be imported any more.
    public func forget() throws(SystemError) {
        try FileSystem.removeFile(IndexUpdate.journal(of: session, in: stateDirectory))
    }

    /// Whether anything was done inside that an import would take over. Reads files, runs nothing.
    public func isNeeded() throws -> Bool {
        if try !journal.read().isEmpty { return true }
        let inside = try describing("cannot look into the private git directory \(privateGit.directory.printable)") {
            try InsideState.read(privateGit)
        }
        return inside.referencesChanged || inside.indexChanged
    }

    /// Where imports of this session have put the branch that is its own.
    var journal: ImportedTips { ImportedTips(beside: privateGit.directory) }

    /// Imports.
    ///
    /// - Parameters:
    ///   - runInside: runs a command in a sandbox that sees the private directory as `.git`.
    ///   - step: called between effects; a test throws from it.
    public func run(_ runInside: @escaping RunInside, step: (Step) throws -> Void = { _ in }) throws -> ImportResult {
        var result = ImportResult()
        let state = try describing("cannot look into the private git directory \(privateGit.directory.printable)") {
            try InsideState.read(privateGit)
        }
        addNotes(state, &result)
        guard try state.referencesChanged || state.indexChanged || !journal.read().isEmpty else { return result }

        let turn = try lock()
        defer { withExtendedLifetime(turn) {} }
        try git.verify()
        let transfer = ObjectTransfer(git: git, session: session, limits: limits, runInside: runInside)
        try removeLeftovers(transfer)

        let listing = try list(transfer, state)
        for line in listing.rejected { result.notes.append("a reference with an impossible name was left behind: \(line)") }
        let tree = state.indexChanged ? try writtenTree(transfer) : nil
        let headTip: ObjectID? = if case .detached(let id) = state.head, state.head != privateGit.start.head { id } else { nil }

        var host = try currentHost()
        let tips = wantedTips(listing, state, host, headTip, tree)
        let missing = try transfer.bring(tips, known: knownTips())
        let refused = try refusedBranches(listing, state, host, missing, transfer)
        try step(.objectsStored)

        // What git inside does is over, and may have taken its time: imports of other sessions wait for what follows alone.
        let exclusive = try lockRepository()
        defer { withExtendedLifetime(exclusive) {} }
        host = try currentHost()
        let types = try transfer.types(of: tips + refused.compactMap(\.accepted))
        let commits = Set(types.filter { $0.value == "commit" }.keys)
        var accepted = listing
        for branch in refused { accepted.refs[branch.name] = branch.accepted ?? host.refs[branch.name] }
        result.references = try updateReferences(accepted, state, missing, commits)
        result.references += refused.map { .init(name: $0.name, object: $0.tip, outcome: .refused(why: $0.why)) }
        if let tree, let why = missing[tree] { result.references.append(.init(name: "index", object: tree, outcome: .refused(why: why))) }
        host = try currentHost()
        try step(.referencesUpdated)

        let insideHeadCommit: ObjectID? =
            switch state.head {
            case .branch(let name):
                refused.first { $0.name == name }.map { $0.accepted ?? privateGit.start.refs[name] } ?? listing.refs[name]
            case .detached(let id): id
            case nil: nil
            }
        result.head = try moveHead(state.head, insideHeadCommit, host, commits)
        if let headTip, case .left(let why) = result.head {
            if commits.contains(headTip) {
                try park(headTip, as: "HEAD", why, &result)
            } else {
                result.references.append(.init(name: "HEAD", object: headTip, outcome: .refused(why: missing[headTip] ?? why)))
            }
        }
        host = try currentHost()
        try step(.headMoved)

        if state.indexChanged {
            let isSame = host.head == state.head || privateGit.ownBranch != nil
            let fits = isLive && isSame && host.headCommit == insideHeadCommit
            if !fits {
                result.index = .left(why: isLive ? "HEAD on the host is not where it is inside" : "the workspace was not the host's own")
            } else if let why = try busy() {
                result.index = .left(why: why)
            } else if let tree, missing[tree] == nil, types[tree] == "tree" {
                result.index = try follow(tree.hex, step)
            } else if insideHeadCommit != nil {
                result.index = try follow("HEAD", step)
                result.notes.append("the index inside could not be written as a tree (conflicts?); the host's was set to HEAD")
            } else {
                result.index = .left(why: "the index inside could not be written as a tree")
            }
        }
        return result
    }

    func lock() throws -> ImportLock {
        try describing("cannot begin an import") {
            try FileSystem.makeDirectories(stateDirectory)
            return try ImportLock(of: session, in: stateDirectory)
        }
    }

    func lockRepository() throws -> RepositoryLock {
        try describing("cannot lock the repository") { try RepositoryLock(of: git.repository, in: stateDirectory) }
    }

    /// Removes what an import of this session has left that was killed: this one may have no use for any of it.
    func removeLeftovers(_ transfer: ObjectTransfer) throws {
        try describing("cannot remove what an earlier import left in \(git.repository.gitDirectory.printable)") {
            try transfer.removeQuarantine()
            try indexUpdate().removeLeftovers()
        }
    }

    // MARK: - Inside

    func list(_ transfer: ObjectTransfer, _ state: InsideState, only name: String? = nil) throws -> RefListing {
        let what = "cannot import commits of session \(session)"
        guard try state.referencesChanged || !journal.read().isEmpty else {
            return RefListing(refs: privateGit.start.refs, symbolic: privateGit.start.symbolic)
        }
        let format = "--format=%(objectname) %(objecttype) %(refname) %(symref)"
        guard let bytes = try transfer.output(["for-each-ref", format] + [name].compactMap { $0 }, limit: limits.listingBytes) else {
            throw CoopError(
                .failed, what, "git inside could not list its references", next: "git -C \(git.repository.workTree.printable) status")
        }
        guard var listing = RefListing.parse(bytes, limit: limits.references) else {
            throw CoopError(
                .failed, what, "there are more than \(limits.references) references inside",
                next: "git -C \(git.repository.workTree.printable) status")
        }
        let digits = privateGit.objectFormat.digits
        listing.refs = listing.refs.filter { $0.value.hex.utf8.count == digits && (name == nil || $0.key == name) }
        return listing
    }

    /// The tree of the index; nil when it has conflicts.
    private func writtenTree(_ transfer: ObjectTransfer) throws -> ObjectID? {
        guard let bytes = try transfer.output(["write-tree"], limit: 4096, isQuiet: true) else {
            // Conflicts are told in coop's own words; what else is in git's way, git says itself.
            let conflicts = try transfer.output(["ls-files", "--unmerged"], limit: 16 << 20)
            if conflicts?.isEmpty ?? false { _ = try transfer.output(["write-tree"], limit: 4096) }
            return nil
        }
        let id = ObjectID(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        return id?.hex.utf8.count == privateGit.objectFormat.digits ? id : nil
    }

    private func wantedTips(
        _ listing: RefListing, _ state: InsideState, _ host: RefSnapshot, _ headTip: ObjectID?, _ tree: ObjectID?
    ) -> [ObjectID] {
        var tips: [ObjectID] = []
        var seen: Set<ObjectID> = []
        func want(_ id: ObjectID?) {
            guard let id, id.hex.utf8.count == privateGit.objectFormat.digits, seen.insert(id).inserted else { return }
            tips.append(id)
        }
        for (name, id) in listing.refs.sorted(by: { $0.key < $1.key }) {
            if id == privateGit.start.refs[name] || id == host.refs[name] || ImportPlan.reasonToSkip(name) != nil { continue }
            want(id)
        }
        for id in state.newStashes { want(id) }
        want(headTip)
        want(tree)
        return tips
    }

    /// What the host had at the start, which git inside has as well, through its alternates.
    func knownTips() -> [ObjectID] {
        var ids = Set(privateGit.start.refs.values)
        if let head = privateGit.start.headCommit { ids.insert(head) }
        return Array(ids.sorted { $0.hex < $1.hex }.prefix(limits.knownTips))
    }

    private func addNotes(_ state: InsideState, _ result: inout ImportResult) {
        let names = [
            "MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert", "rebase-merge": "rebase",
            "rebase-apply": "rebase", "BISECT_LOG": "bisect",
        ]
        for (file, name) in names.sorted(by: { $0.key < $1.key }) {
            let onHost = FileSystem.kind(FileSystem.join(git.repository.gitDirectory, file), followLinks: false) != nil
            let inside = state.stateFiles.contains(file)
            if inside, !onHost { result.notes.append("a \(name) was begun inside and not finished; the host does not know of it") }
            if onHost, !inside { result.notes.append("the \(name) in progress on the host was finished or given up inside") }
        }
    }

    // MARK: - The host

    func currentHost() throws -> RefSnapshot {
        try describing("cannot read the references of \(git.repository.workTree.printable)") {
            if let read = try RefSnapshot.read(git.repository) { return read }
            return try RefSnapshot.read(asking: git)
        }
    }

    /// Why HEAD and index of the host must stay; nil when they may move.
    func busy() throws(SystemError) -> String? {
        for name in ["rebase-merge", "rebase-apply"]
        where try FileSystem.kindIfPresent(FileSystem.join(git.repository.gitDirectory, name), followLinks: false) != nil {
            return "a rebase is in progress on the host"
        }
        return nil
    }

    /// Branches that the host's other worktrees have checked out or are rebasing.
    func checkedOutElsewhere() throws -> Set<String> {
        let common = git.repository.commonDirectory
        var directories = [common]
        let worktrees = FileSystem.join(common, "worktrees")
        if try FileSystem.kindIfPresent(worktrees) == .directory {
            directories += try FileSystem.entries(worktrees).filter { $0.kind == .directory }.map { FileSystem.join(worktrees, $0.name) }
        }
        var result: Set<String> = []
        for directory in directories where directory != git.repository.gitDirectory {
            if let bytes = try FileBytes.contents(FileSystem.join(directory, "HEAD"), limit: 4096),
                case .branch(let name) = RefSnapshot.parseHead(bytes)
            {
                result.insert(name)
            }
            for file in ["rebase-merge/head-name", "rebase-apply/head-name"] {
                if let bytes = try FileBytes.contents(FileSystem.join(directory, file), limit: 4096) {
                    result.insert(String(osBytes: bytes.prefix { $0 != UInt8(ascii: "\n") }))
                }
            }
        }
        return result
    }

    private func isAncestor(_ old: ObjectID, _ new: ObjectID) throws -> Bool {
        let outcome = try git.attempt(["merge-base", "--is-ancestor", old.hex, new.hex])
        switch outcome.status {
        case .exited(0): return true
        case .exited(1): return false
        default:
            throw CoopError(
                .failed, "cannot compare commits", complaint(outcome), next: "git -C \(git.repository.workTree.printable) status")
        }
    }

    /// Plans and makes all changes of references in one transaction; plans again when the host moved in between.
    func updateReferences(
        _ listing: RefListing, _ state: InsideState, _ missing: [ObjectID: String], _ commits: Set<ObjectID>
    ) throws -> [ImportResult.Reference] {
        var failure = ""
        for attempt in 0..<4 {
            let facts = ImportPlan.Facts(
                session: session, start: privateGit.start, host: try currentHost(), inside: listing.refs, newStashes: state.newStashes,
                checkedOutElsewhere: try checkedOutElsewhere(), isLive: isLive, ignoresCase: privateGit.ignoresCase,
                missing: missing, commits: commits, ownBranch: privateGit.ownBranch, imported: Set(try journal.read()))
            let plan = try ImportPlan.make(facts, isAncestor: isAncestor)
            var reports = plan.reports
            // Written down before it is done: what this session has put there itself may be rewritten.
            for update in plan.updates where update.target == privateGit.ownBranch { try journal.add(update.new) }
            if attempt < 3 {
                let outcome = try transaction(plan.updates)
                failure = complaint(outcome)
                guard outcome.status.isSuccess else { continue }
                reports += plan.updates.map { .init(name: $0.source, object: $0.new, outcome: $0.outcome) }
            } else {
                // Something stands in the way of one of them (a stale lock, a broken reference): the others need not wait for it.
                for update in plan.updates {
                    let outcome = try transaction([update])
                    reports.append(
                        .init(
                            name: update.source, object: update.new,
                            outcome: outcome.status.isSuccess ? update.outcome : .refused(why: complaint(outcome))))
                }
            }
            return reports.sorted { $0.name < $1.name }
        }
        throw CoopError(
            .failed, "cannot update the references of \(git.repository.workTree.printable)", failure,
            next: "git -C \(git.repository.workTree.printable) status")
    }

    private func transaction(_ updates: [ImportPlan.Update]) throws -> HostProcess.Outcome {
        if updates.isEmpty { return HostProcess.Outcome(status: .exited(0), output: [], errors: []) }
        var input: [UInt8] = []
        for update in updates {
            input += "update \(update.target)".osBytes + [0]
            input += Array(update.new.hex.utf8) + [0]
            input += Array((update.old?.hex ?? privateGit.objectFormat.zero).utf8) + [0]
        }
        return try git.attempt(
            ["update-ref", "--create-reflog", "-m", "coop: import of session \(session)", "-z", "--stdin"], HostGit.Setting(input: input))
    }

    private func park(_ id: ObjectID, as name: String, _ why: String, _ result: inout ImportResult) throws {
        let target = "refs/coop/\(session)/\(name)"
        let old = try currentHost().refs[target]
        let outcome: ImportResult.Outcome = .parked(name: target, why: why)
        if old != id {
            let update = ImportPlan.Update(source: name, target: target, new: id, old: old, outcome: outcome)
            let ended = try transaction([update])
            guard ended.status.isSuccess else {
                result.references.append(.init(name: name, object: id, outcome: .refused(why: complaint(ended))))
                return
            }
        }
        result.references.append(.init(name: name, object: id, outcome: outcome))
    }

    func follow(_ tree: String, _ step: (Step) throws -> Void) throws -> ImportResult.Followed {
        try indexUpdate().run(tree: tree, step)
    }

    private func indexUpdate() throws(SystemError) -> IndexUpdate {
        IndexUpdate(
            git: git, session: session, stateDirectory: stateDirectory, start: privateGit.index,
            commits: Array(Set(try [privateGit.start.headCommit].compactMap { $0 } + journal.read())))
    }
}
