import Glibc
import LinuxKernel

/// One call that a transaction makes in the tree, and what it takes to know whether it was made and to take it back.
///
/// Each step has a slot, a name in the staging directory: what goes in lies there before, what came out afterwards. So a look at the slot
/// says whether the step was made, and nothing has to be written down between two of them.
struct TreeStep: Equatable {
    enum Action: String {
        /// From the path into the empty slot.
        case remove
        /// From the slot to the path, where nothing is.
        case add
        /// Slot and path change places (renameat2(2), RENAME_EXCHANGE).
        case exchange
        /// The mode and attributes of a directory that stays; no slot.
        case adjust
    }

    /// Mode and attributes.
    struct Properties: Equatable {
        var mode: UInt32
        /// Nil to leave them as they are.
        var attributes: [String: [UInt8]]?

        var version: FileVersion {
            FileVersion(kind: .directory, mode: mode, attributes: attributes ?? [:]) { throw SystemError("open", "", errno: EISDIR) }
        }
    }

    var action: Action
    var path: String
    /// What is to come out.
    var before: Fingerprint?
    /// What lies in the slot, once it is staged.
    var staged: Fingerprint?
    /// Where a symbolic link leads to that is put in.
    var target: String?
    /// For `adjust`.
    var from = Properties(mode: 0)
    /// What is put in has these.
    var to = Properties(mode: 0)
    /// Where in the file of contents that an undo can need lies what this step puts in, and how long it is.
    var kept: (offset: UInt64, count: UInt64)?

    init(_ action: Action, _ path: String, before: Fingerprint? = nil) {
        self.action = action
        self.path = path
        self.before = before
    }

    static func == (left: TreeStep, right: TreeStep) -> Bool {
        left.action == right.action && left.path.utf8.elementsEqual(right.path.utf8) && left.before == right.before
            && left.staged == right.staged && left.target == right.target && left.from == right.from && left.to == right.to
            && left.kept?.offset == right.kept?.offset
            && left.kept?.count == right.kept?.count
    }
}
