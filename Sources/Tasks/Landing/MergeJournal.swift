import LinuxKernel
import Workspaces

/// What a merge is going to change, written down before it does: enough for a later process to finish it or to take it back.
struct MergeJournal: Equatable {
    private static let version = "coop-merge 1"

    /// The task's name, and its directory.
    var task: String
    var taskDirectory: String
    /// The working tree and the git directory that have the branch checked out; nil where none has.
    var checkout: (tree: String, gitDirectory: String)?
    /// The repository.
    var commonDirectory: String
    /// The branch that moves, `refs/heads/main`.
    var reference: String
    /// Nil for a branch that has no commit yet.
    var old: ObjectID?
    var new: ObjectID
    /// The last commit of the task's branch.
    var tip: ObjectID

    static func == (left: MergeJournal, right: MergeJournal) -> Bool { left.encoded == right.encoded }

    /// Fields that each end in a NUL, which none of them holds.
    var encoded: [UInt8] {
        let fields = [
            MergeJournal.version, task, taskDirectory, checkout?.tree ?? "", checkout?.gitDirectory ?? "", commonDirectory, reference,
            old?.hex ?? "", new.hex, tip.hex,
        ]
        return fields.reduce(into: []) { $0 += $1.osBytes + [0] }
    }

    init(
        task: String, taskDirectory: String, checkout: GitRepository?, commonDirectory: String, reference: String, old: ObjectID?,
        new: ObjectID, tip: ObjectID
    ) {
        self.task = task
        self.taskDirectory = taskDirectory
        self.checkout = checkout.map { ($0.workTree, $0.gitDirectory) }
        self.commonDirectory = commonDirectory
        self.reference = reference
        self.old = old
        self.new = new
        self.tip = tip
    }

    /// nil for anything that `encoded` does not make.
    init?(_ bytes: [UInt8]) {
        let fields = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(osBytes: $0) }
        guard fields.count == 11, fields[0] == MergeJournal.version, let new = ObjectID(fields[8]), let tip = ObjectID(fields[9]) else {
            return nil
        }
        task = fields[1]
        taskDirectory = fields[2]
        checkout = fields[4].isEmpty ? nil : (fields[3], fields[4])
        commonDirectory = fields[5]
        reference = fields[6]
        old = ObjectID(fields[7])
        self.new = new
        self.tip = tip
    }
}
