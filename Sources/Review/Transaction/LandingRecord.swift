import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// A landing that was made: what is kept of it to take it back.
public struct LandingRecord: Sendable {
    public let id: String
    public let root: String
    public let note: LandingNote
    /// Seconds since 1970.
    public let made: Int64
    /// The paths that it changed, in the order of a listing.
    public var paths: [String] {
        let changed = steps.filter { $0.action != .adjust || $0.from.attributes != nil }.map { PathBytes($0.path) }
        return changed.sorted().map(\.path)
    }
    let directory: String
    let steps: [TreeStep]
    /// The last step of each path.
    private let index: [PathBytes: Int]

    /// How large a journal may be: 100 000 paths take 20 MB.
    static let journalLimit = 1 << 30

    init(id: String, directory: String) throws {
        let path = FileSystem.join(directory, "journal")
        let journal = try TransactionJournal(try FileSystem.read(path, limit: LandingRecord.journalLimit), path: path)
        self.init(id: id, directory: directory, journal: journal)
    }

    init(id: String, directory: String, journal: TransactionJournal) {
        self.id = id
        self.directory = directory
        root = journal.root
        note = journal.note
        made = journal.made
        steps = journal.steps
        index = Dictionary(journal.steps.indices.map { (PathBytes(journal.steps[$0].path), $0) }, uniquingKeysWith: { max($0, $1) })
    }

    private var slots: String { FileSystem.join(directory, "slots") }

    /// What this landing changed, the other way round: `before` is what it put there, `after` what was there before it.
    ///
    /// The content of a `before` can be read where it was kept: a file of at most `TransactionStaging.keptFile` bytes.
    public func reversed() throws -> [Change] {
        var result: [Change] = []
        // A directory that was opened up first has its own mode in that step.
        let original = Dictionary(
            steps.lazy.filter { $0.action == .adjust }.map { (PathBytes($0.path), $0.from.mode) }, uniquingKeysWith: { first, _ in first })
        for (index, step) in steps.enumerated() {
            switch step.action {
            case .adjust:
                // Opening a directory up for a moment, and closing it again, is nothing to take back.
                guard step.from.attributes != nil else { continue }
                var before = step.from
                before.mode = original[PathBytes(step.path)] ?? before.mode
                result.append(Change(path: step.path, before: step.to.version, after: before.version))
            case .add, .remove, .exchange:
                result.append(Change(path: step.path, before: applied(step), after: try replaced(step, index)))
            }
        }
        return result.sorted { PathBytes($0.path) < PathBytes($1.path) }
    }

    /// What was the base of its paths before, for an overlay that offers the changes again: what came out of the tree, or what was kept
    /// beside it.
    public func formerBases() throws -> [(path: String, version: FileVersion?)] {
        let kept = try FormerBases.read(FileSystem.join(directory, "bases"))
        return try reversed().map { ($0.path, kept[PathBytes($0.path)] ?? $0.after) }
    }

    /// The paths whose former base was kept beside what came out of the tree.
    public func keptBases() throws -> [String] {
        try FormerBases.read(FileSystem.join(directory, "bases")).keys.sorted().map(\.path)
    }

    /// Whether a path still is what this landing made of it.
    ///
    /// - Parameter now: what is there now.
    public func holds(_ path: String, _ now: Fingerprint?) -> Bool? { index[PathBytes(path)].map { isAsMade(steps[$0], now) } }

    private func isAsMade(_ step: TreeStep, _ now: Fingerprint?) -> Bool {
        switch (step.staged, now) {
        case (nil, nil): step.action == .remove
        case (let staged?, let now?): now.isSameObject(as: staged)
        case (nil, let now?): step.action == .adjust && now.kind == .directory && now.mode == step.to.mode
        case (.some, nil): false
        }
    }

    /// What it put there.
    private func applied(_ step: TreeStep) -> FileVersion? {
        guard let staged = step.staged else { return nil }
        let contents = FileSystem.join(directory, "contents")
        let kept = step.kept
        let path = step.path
        return FileVersion(
            kind: FileVersion.Kind(staged.kind), mode: staged.kind == .symlink ? 0o777 : staged.mode, size: staged.size,
            target: step.target, attributes: step.to.attributes ?? [:]
        ) {
            guard let kept else { throw SystemError("open", path, errno: ENODATA) }
            return try PackedContents.open(contents, offset: kept.offset, count: kept.count, subject: path)
        }
    }

    /// What it took out.
    private func replaced(_ step: TreeStep, _ slot: Int) throws -> FileVersion? {
        guard let before = step.before else { return nil }
        var version = try FileVersion.read(String(slot), in: try BeneathDirectory(slots))
        version.mode = before.kind == .symlink ? 0o777 : before.mode
        return version
    }
}
