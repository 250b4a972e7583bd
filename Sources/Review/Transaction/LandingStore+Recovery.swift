import CoopErrors
import Glibc
import LinuxKernel

extension LandingStore {
    /// What was found of a transaction that a kill had cut off.
    public struct Recovered: Sendable {
        public enum Outcome: Sendable, Equatable {
            /// The tree is new.
            case finished
            /// The tree is as it was.
            case takenBack
            /// Nothing had been touched.
            case nothing
        }

        public var root: String?
        public var note: LandingNote?
        public var outcome: Outcome
    }

    /// Brings every tree whose transaction was cut off to one of its two states. With nothing to do it costs the listing of one directory.
    ///
    /// - Parameter isCompleted: whether the step that went with the tree was made (`StagedTransaction.commit(completing:)`). Asked only for
    ///   a transaction that had not got beyond it; the answer for one without such a step is false.
    /// - Returns: what there was; and the errors of those that cannot be finished, which stay for the next time or were put aside.
    public func recover(isCompleted: (LandingNote, _ root: String) throws -> Bool = { _, _ in false }) throws
        -> (recovered: [Recovered], failures: [any Error])
    {
        guard try FileSystem.kindIfPresent(pending) == .directory, case let ids = try FileSystem.list(pending).sorted(), !ids.isEmpty,
            // Whoever has it is at work in a tree just now; the next command sees what is left of it.
            let gate = try lock(waits: false)
        else { return ([], []) }
        defer { _ = gate }
        var recovered: [Recovered] = []
        var failures: [any Error] = []
        for id in ids {
            do {
                if let outcome = try recover(id, isCompleted) { recovered.append(outcome) }
            } catch {
                failures.append(error)
            }
        }
        return (recovered, failures)
    }

    private func recover(_ id: String, _ isCompleted: (LandingNote, String) throws -> Bool) throws -> Recovered? {
        let directory = FileSystem.join(pending, id)
        // Its process lives, and waits for an answer perhaps.
        guard let lock = try LandingStore.lock(FileSystem.join(directory, "lock"), waits: false) else { return nil }
        defer { _ = lock }
        let path = FileSystem.join(directory, "journal")
        guard try FileSystem.kindIfPresent(path) == .file else {
            let place = FileSystem.join(directory, "place")
            if try FileSystem.kindIfPresent(place) == .file {
                try FileSystem.removeTree(String(osBytes: try FileSystem.read(place, limit: 1 << 16)))
            }
            try FileSystem.removeTree(directory)
            return Recovered(root: nil, note: nil, outcome: .nothing)
        }
        let journal = try TransactionJournal(try FileSystem.read(path, limit: LandingRecord.journalLimit), path: path)
        let ending = LandingEnding(store: self, id: id, directory: directory, journal: journal)
        if try ending.isCommitted {
            try ending.finishAgain()
            return Recovered(root: journal.root, note: journal.note, outcome: .finished)
        }
        if try isCompleted(journal.note, journal.root) {
            _ = try ending.finish(keepsUndo: FileSystem.kindIfPresent(FileSystem.join(directory, "contents")) == .file)
            return Recovered(root: journal.root, note: journal.note, outcome: .finished)
        }
        try ending.takeBackAgain()
        return Recovered(root: journal.root, note: journal.note, outcome: .takenBack)
    }
}
