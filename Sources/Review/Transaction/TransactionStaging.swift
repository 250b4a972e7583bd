import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// The first half of a transaction: looks at the tree, and puts what is to go in beside it.
struct TransactionStaging {
    /// Bytes of a file whose new content is kept so that an undo can merge; and of all of them together.
    static let keptFile = 1 << 20
    static let keptTotal: UInt64 = 256 << 20
    /// Until this many files each is written to disk for itself, above it the file system as a whole.
    static let syncOneByOne = 64

    let transaction: TreeTransaction

    func stage() throws -> StagedTransaction {
        let root = try BeneathDirectory(transaction.root)
        let survey = try TreeSurvey(edits: transaction.edits, root: root)
        let (id, directory, lock) = try transaction.store.begin()
        var place: String?
        do {
            place = try makePlace(id: id, directory: directory, root: root)
            let slots = place.map { FileSystem.join($0, "slots") } ?? FileSystem.join(directory, "slots")
            try FileSystem.makeDirectories(slots)
            // Below the root it could be exchanged for a link.
            let handle =
                try place.map { try root.open(FileSystem.lastComponent(of: $0) + "/slots", O_RDONLY | O_DIRECTORY) }
                ?? Descriptor.open(slots, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            let tree = TransactionTree(root: root, slots: handle)
            var contents = try KeptContents(FileSystem.join(directory, "contents"), isKept: transaction.keepsUndo)
            var steps: [TreeStep] = []
            var byPath: [PathBytes: Int] = [:]
            var staging = SlotWriter(slots: handle, root: root)
            for (step, edit) in StepOrder.steps(for: transaction.edits, closed: survey.closed, attributes: survey.attributes) {
                var step = step
                if let edit, step.action != .adjust, let version = transaction.edits[edit].version {
                    let index = steps.count
                    try staging.write(version, to: index, path: step.path, replacing: survey.owners[PathBytes(step.path)], parents: survey)
                    step.target = version.target
                    step.to = TreeStep.Properties(mode: version.mode, attributes: version.attributes)
                    if version.kind == .file { step.kept = try contents.append(slot: index, of: tree) }
                    step.staged = try tree.slot(index)
                    byPath[PathBytes(step.path)] = index
                }
                steps.append(step)
            }
            try contents.finish()
            if place != nil && transaction.keepsUndo {
                try OldContents.copy(steps, root: root, to: FileSystem.join(directory, "slots"))
            }
            try staging.synchronize()
            // Sparse copies, reflinks and late changes of status end here: from now on a slot is compared with this.
            for index in steps.indices where steps[index].staged != nil { steps[index].staged = try tree.slot(index) }
            return StagedTransaction(
                transaction: transaction, id: id, directory: directory, lock: lock, place: place, tree: tree, steps: steps, byPath: byPath)
        } catch {
            // What stays is removed by the next command that recovers.
            if let place { try? FileSystem.removeTree(place) }
            try? FileSystem.removeTree(directory)
            throw error
        }
    }

    /// The directory for the slots: beside the journal where that is on the same mount as the tree, else hidden in the tree's root.
    ///
    /// - Returns: nil for the first.
    private func makePlace(id: String, directory: String, root: BeneathDirectory) throws -> String? {
        let own = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
        let mount = coop_mount_id(root.descriptor.number)
        if mount != 0, mount == coop_mount_id(own.number) { return nil }
        let name = ".coop-landing-\(id)"
        let path = FileSystem.join(transaction.root, name)
        // Before it is made: whoever recovers removes what it names.
        try FileSystem.replace(FileSystem.join(directory, "place"), with: path.osBytes)
        WriteStep.pass()
        try check("mkdir", path) { name.withOSBytes { mkdirat(root.descriptor.number, $0, 0o700) } }
        return path
    }
}
