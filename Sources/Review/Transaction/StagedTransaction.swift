import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// A transaction whose contents lie ready beside the tree. It is given up when nobody holds it any more.
public final class StagedTransaction {
    private let transaction: TreeTransaction
    private let id: String
    private let directory: String
    private let lock: Descriptor
    private let place: String?
    private let tree: TransactionTree
    private let steps: [TreeStep]
    private let byPath: [PathBytes: Int]
    private var isOpen = true

    init(
        transaction: TreeTransaction, id: String, directory: String, lock: Descriptor, place: String?, tree: TransactionTree,
        steps: [TreeStep], byPath: [PathBytes: Int]
    ) {
        self.transaction = transaction
        self.id = id
        self.directory = directory
        self.lock = lock
        self.place = place
        self.tree = tree
        self.steps = steps
        self.byPath = byPath
    }

    deinit { if isOpen { clearAway() } }

    /// What will be at a path, as it is staged: whatever its source becomes meanwhile, this is what goes into the tree. What a gate looks
    /// at must come from here.
    ///
    /// - Returns: nil for a path that is removed, or is none of the transaction's.
    public func version(at path: String) -> FileVersion? {
        guard let edit = transaction.edits.first(where: { PathBytes($0.path) == PathBytes(path) }) else { return nil }
        return frozen(edit)
    }

    /// The edits with their versions as they are staged.
    public var edits: [TreeEdit] {
        transaction.edits.map { TreeEdit(path: $0.path, expected: $0.expected, version: frozen($0)) }
    }

    private func frozen(_ edit: TreeEdit) -> FileVersion? {
        guard let version = edit.version, version.kind == .file, let slot = byPath[PathBytes(edit.path)] else { return edit.version }
        let (tree, staged) = (tree, steps[slot].staged)
        return FileVersion(
            kind: .file, mode: version.mode, size: staged?.size ?? version.size, attributes: version.attributes
        ) {
            try StagedTransaction.open(edit.path, slot, staged, in: tree)
        }
    }

    /// The file as it was staged: in its slot, or once it has landed, in the tree.
    ///
    /// - Throws: `SystemError` with `EBUSY` when somebody has changed it there.
    private static func open(_ path: String, _ slot: Int, _ staged: Fingerprint?, in tree: TransactionTree) throws -> Descriptor {
        let number = String(slot).withCString { openat(tree.slots.number, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        let inSlot = number >= 0 ? Descriptor(owning: number) : nil
        // Where neither can be opened, nothing was found.
        let inTree = try? tree.root.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        for file in [inSlot, inTree].compactMap({ $0 }) {
            var status = stat()
            try check("fstat", path) { fstat(file.number, &status) }
            if let staged, let found = Fingerprint(status), found.isSameObject(as: staged) { return file }
        }
        throw SystemError("open", path, errno: EBUSY)
    }

    /// Keeps with the landing what the base of paths was, where that is not what is in the tree now.
    ///
    /// - Throws: `CoopError` when it cannot be written.
    public func keep(formerBases files: [(path: String, version: FileVersion)]) throws {
        guard transaction.keepsUndo, !files.isEmpty else { return }
        do {
            try FileSystem.replace(FileSystem.join(directory, "bases"), with: try FormerBases.encode(files))
        } catch {
            throw TransactionFailure.describe(error, note: transaction.note, root: transaction.root)
        }
    }

    /// Makes the edits.
    ///
    /// - Parameter completing: called once the whole tree is new, for what goes with it, a ref that moves. It must be a single step that is
    ///   made or not, since a process can be killed right after it; `LandingStore.recover(isCompleted:)` asks which. When it throws, the
    ///   tree is taken back.
    /// - Returns: what an undo needs; nil when nothing is kept for it.
    /// - Throws: `CoopError`; the tree is then as it was. What somebody else changed in between is never overwritten: the error names it.
    @discardableResult
    public func commit(completing: () throws -> Void = {}) throws -> LandingRecord? {
        do {
            return try commitUnlocked(completing)
        } catch {
            throw TransactionFailure.describe(error, note: transaction.note, root: transaction.root)
        }
    }

    private func commitUnlocked(_ completing: () throws -> Void) throws -> LandingRecord? {
        let gate = try transaction.store.lock(waits: true)
        defer { _ = gate }
        try TreeSurvey.verify(transaction.edits, root: tree.root)
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let journal = TransactionJournal(
            root: transaction.root, place: place, note: transaction.note, made: Int64(time.tv_sec), steps: steps)
        try FileSystem.replace(FileSystem.join(directory, "journal"), with: journal.encoded())
        let runner = StepRunner(tree: tree, steps: steps)
        do {
            try runner.run(before: transaction.beforeStep)
            try synchronize()
            try transaction.beforeStep(steps.count)
            try completing()
        } catch {
            let ending = LandingEnding(store: transaction.store, id: id, directory: directory, journal: journal)
            isOpen = false
            try ending.takeBack(runner, because: error)
            throw error
        }
        isOpen = false
        let ending = LandingEnding(store: transaction.store, id: id, directory: directory, journal: journal)
        return try ending.finish(keepsUndo: transaction.keepsUndo)
    }

    /// The new names reach the disk before the journal goes.
    private func synchronize() throws {
        let parents = Set(steps.map { PathBytes(TransactionTree.parent(of: $0.path)) })
        if parents.count >= TransactionStaging.syncOneByOne {
            try check("syncfs", transaction.root) { coop_sync_file_system(tree.root.descriptor.number) }
            return
        }
        for parent in parents {
            let directory: Descriptor
            do { directory = try tree.root.open(parent.path, O_RDONLY | O_DIRECTORY) } catch {
                // One that is gone has nothing of its own to lose.
                if error.errno == ENOENT { continue }
                // One that its owner may not read can only be written with everything else.
                try check("syncfs", transaction.root) { coop_sync_file_system(tree.root.descriptor.number) }
                return
            }
            // EINVAL: the file system has no such thing for directories (fsync(2)).
            if fsync(directory.number) != 0, errno != EINVAL { throw SystemError("fsync", parent.path) }
        }
    }

    /// What stays, because it cannot be removed either, is removed by the next command that recovers.
    private func clearAway() {
        if let place { try? FileSystem.removeTree(place) }
        try? FileSystem.removeTree(directory)
    }
}
