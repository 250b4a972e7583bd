import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// Makes edits in a tree the user works in: all of them or none, whatever ends the process.
///
/// 1. `prepare()` looks at every path, and puts the new contents beside the tree, on its file system. A full disk fails here, with the
///    tree untouched. What is staged cannot change any more: it is what a gate has to look at.
/// 2. `StagedTransaction.commit()` looks once more, writes the journal, and moves each path with renameat2(2) below directories that
///    openat2(2) opens without following a link. What comes out is compared with what was looked at; a difference takes everything back.
/// 3. What came out is kept for the undo.
///
/// A process that is killed leaves the journal; `LandingStore.recover()` of the next command takes back what it says, or finishes it.
public struct TreeTransaction: Sendable {
    /// The tree, absolute; its own path may go through links.
    public let root: String
    public let store: LandingStore
    public let note: LandingNote
    public let edits: [TreeEdit]
    /// Whether what comes out of the tree is kept for `coop undo`.
    public var keepsUndo = true
    /// For tests: called before each step with its number, while the tree is between old and new.
    package var beforeStep: @Sendable (Int) throws -> Void = { _ in }

    /// - Parameter edits: in any order, each path at most once; a directory that is missing is made by an edit of its own.
    public init(root: String, store: LandingStore, note: LandingNote, edits: [TreeEdit]) {
        self.root = root
        self.store = store
        self.note = note
        self.edits = edits
    }

    /// Prepares and commits.
    ///
    /// - Parameter completing: see `StagedTransaction.commit(completing:)`.
    /// - Throws: `CoopError`; the tree is then as it was.
    @discardableResult
    public func run(completing: () throws -> Void = {}) throws -> LandingRecord? { try prepare().commit(completing: completing) }

    /// Checks every path and stages the new contents. Nothing in the tree is touched.
    ///
    /// - Throws: `CoopError`: a path is not what was expected, lies behind a link, cannot be carried over; the disk is full.
    public func prepare() throws -> StagedTransaction {
        do {
            return try TransactionStaging(transaction: self).stage()
        } catch {
            throw TransactionFailure.describe(error, note: note, root: root)
        }
    }
}

/// The words for what stops a transaction.
enum TransactionFailure {
    static func describe(_ error: any Error, note: LandingNote, root: String) -> CoopError {
        let what =
            switch note.kind {
            case .apply: "cannot apply the changes of \(note.subject.printable)"
            case .undo: "cannot undo the changes of \(note.subject.printable)"
            case .merge: "cannot merge \(note.subject.printable)"
            }
        switch error {
        case let error as CoopError: return error
        case let conflict as StepRunner.Conflict:
            return CoopError(
                .failed, what, "\(conflict.path.printable): \(conflict.reason); the tree is as it was",
                next: retry(note))
        case let error as SystemError where error.isFull:
            return CoopError(.failed, what, "\(error); the tree is as it was", next: "df -h \(root.printable); df -i \(root.printable)")
        case let error as SystemError where error.errno == ELOOP || error.errno == EXDEV:
            return CoopError(
                .refused, what, "\(error.subject.printable) is reached by a symbolic link, or lies outside; the tree is as it was",
                next: "ls -la \(root.printable)")
        case let error as SystemError where error.errno == EBUSY && error.call == "read":
            return CoopError(
                .failed, what, "\(error.subject.printable) is being written all the time; the tree is as it was", next: retry(note))
        default: return CoopError(.failed, what, "\(error); the tree is as it was", next: "ls -la \(root.printable)")
        }
    }

    private static func retry(_ note: LandingNote) -> String {
        switch note.kind {
        case .apply: "coop diff \(note.subject.printable)"
        case .undo: "coop undo"
        case .merge: "coop task merge \(note.subject.printable)"
        }
    }
}
