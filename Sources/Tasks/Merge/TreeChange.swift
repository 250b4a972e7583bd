import CoopErrors
import LinuxKernel
import Workspaces

/// A path that differs between two trees of a repository (git-diff-tree(1), "Raw output format").
struct TreeChange: Sendable, Equatable {
    /// One side: what git keeps of a path.
    struct Entry: Sendable, Equatable {
        /// 0o100644, 0o100755, 0o120000 for a link, 0o160000 for a commit of another repository.
        var mode: UInt32
        var object: ObjectID

        var isLink: Bool { mode == 0o120000 }
        var isRepository: Bool { mode == 0o160000 }
        var isExecutable: Bool { mode == 0o100755 }
    }

    var path: String
    var status: String
    var before: Entry?
    var after: Entry?
}

extension IsolatedGit {
    /// Every path that differs, as git sorts them; a rename is a removal and an addition.
    func changes(from old: ObjectID, to new: ObjectID) throws -> [TreeChange] {
        let bytes = try run(["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", old.hex, new.hex])
        var fields = bytes.split(separator: 0, omittingEmptySubsequences: false).makeIterator()
        var result: [TreeChange] = []
        while let header = fields.next(), !header.isEmpty, let path = fields.next() {
            // `:100644 100755 <id> <id> M`
            let parts = String(decoding: header.dropFirst(), as: UTF8.self).split(separator: " ")
            guard header.first == UInt8(ascii: ":"), parts.count == 5, let oldMode = UInt32(parts[0], radix: 8),
                let newMode = UInt32(parts[1], radix: 8), let oldObject = ObjectID(parts[2]), let newObject = ObjectID(parts[3])
            else {
                throw CoopError(
                    .failed, "cannot compare two commits", "git's answer was not understood: \(String(osBytes: header).printable)",
                    next: "git -C \(repository.workTree.printable) diff \(old) \(new)")
            }
            result.append(
                TreeChange(
                    path: String(osBytes: path), status: String(parts[4].prefix(1)),
                    before: oldMode == 0 ? nil : TreeChange.Entry(mode: oldMode, object: oldObject),
                    after: newMode == 0 ? nil : TreeChange.Entry(mode: newMode, object: newObject)))
        }
        return result
    }
}
