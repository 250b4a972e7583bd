import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// How a transaction ends whose journal is written: done, or taken back. Each can be cut off anywhere and begun again.
struct LandingEnding {
    let store: LandingStore
    let id: String
    /// `pending/ID`.
    let directory: String
    let journal: TransactionJournal

    private var slots: String { FileSystem.join(journal.place ?? directory, "slots") }
    private var committed: String { FileSystem.join(directory, "committed") }

    /// Whether `finish` has begun.
    var isCommitted: Bool {
        get throws(SystemError) { try FileSystem.kindIfPresent(committed) == .file }
    }

    /// Makes it final.
    ///
    /// - Returns: what an undo needs; nil when nothing is kept.
    func finish(keepsUndo: Bool) throws -> LandingRecord? {
        // From here on it is done, whatever happens; the file says whether what came out is kept.
        if try !isCommitted { try FileSystem.replace(committed, with: (keepsUndo ? "keep" : "forget").utf8) }
        guard keepsUndo else {
            try clearAway()
            return nil
        }
        try removePlace()
        let target = store.done(root: journal.root)
        try FileSystem.makeDirectories(target)
        let kept = FileSystem.join(target, id)
        try FileSystem.rename(directory, to: kept)
        try store.prune(root: journal.root)
        return LandingRecord(id: id, directory: kept, journal: journal)
    }

    /// Goes on where `finish` was cut off.
    func finishAgain() throws { _ = try finish(keepsUndo: try FileSystem.read(committed, limit: 64).elementsEqual("keep".utf8)) }

    /// Takes back what was made.
    ///
    /// - Throws: `CoopError` when somebody else changed what the transaction had put there, so that not everything is as it was; it names
    ///   what, and where the rest lies.
    func takeBack(_ runner: StepRunner, because cause: (any Error)?) throws {
        let leftovers = runner.takeBack()
        guard !leftovers.isEmpty else {
            try clearAway()
            return
        }
        // Nothing that is not in the tree any more is removed.
        let rescue = FileSystem.join(FileSystem.join(store.directory, "kept"), id)
        try FileSystem.makeDirectories(FileSystem.parent(of: rescue))
        try FileSystem.rename(directory, to: rescue)
        let kept = journal.place ?? rescue
        let lines = leftovers.prefix(10).map { leftover in
            "\(leftover.path.printable): \(leftover.reason)\(leftover.slot.map { " (\(kept.printable)/slots/\($0))" } ?? "")"
        }
        let reason = cause.map { "\(TransactionFailure.describe($0, note: journal.note, root: journal.root).why); " } ?? ""
        throw CoopError(
            .failed, "cannot bring \(journal.root.printable) back to what it was",
            reason + "while it was changed, somebody else changed it too: " + lines.joined(separator: ", "),
            next: "ls -la \(kept.printable)")
    }

    /// Rolls back after a kill.
    func takeBackAgain() throws {
        let root = try BeneathDirectory(journal.root)
        let handle =
            try journal.place.map { try root.open(FileSystem.lastComponent(of: $0) + "/slots", O_RDONLY | O_DIRECTORY) }
            ?? Descriptor.open(slots, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try takeBack(StepRunner(tree: TransactionTree(root: root, slots: handle), steps: journal.steps), because: nil)
    }

    /// The journal goes first: without it there is nothing to finish or to take back, only something to remove.
    private func clearAway() throws {
        try FileSystem.removeFile(FileSystem.join(directory, "journal"))
        try removePlace()
        try FileSystem.removeTree(directory)
    }

    private func removePlace() throws { if let place = journal.place { try FileSystem.removeTree(place) } }
}
