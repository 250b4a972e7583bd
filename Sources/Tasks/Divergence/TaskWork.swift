import CoopErrors
import Glibc
import LinuxKernel
import Review
import Workspaces

/// What a task has that its base lacks: its commits since the two parted, or since it was last merged, and what is not committed in its tree.
package struct TaskWork {
    /// In the order of the paths' bytes. Contents of commits are opened in the directory of the ``IsolatedGit``, which must be kept as long.
    package let changes: [Change]

    /// - Parameter baseTip: the last commit of the branch that the task was made from; where that is gone the commit.
    package init(of record: TaskRecord, in repository: TaskRepository, baseTip: ObjectID, git: IsolatedGit) throws {
        guard let tip = try repository.tip(of: record) else {
            throw CoopError(
                .failed, "cannot show the task \(record.name)", "its branch \(record.name.branch) is gone", next: "coop task list")
        }
        let base = try TaskWork.base(of: record, tip: tip, baseTip: baseTip, git: git)
        let committed = try git.changes(from: base, to: tip)
        // Another repository in the tree is named as a directory, with a slash.
        let loose = try repository.changedFiles(of: record).map { $0.path.hasSuffix("/") ? String($0.path.dropLast()) : $0.path }
        let isLoose = Set(loose.map { PathBytes($0) })
        let old =
            try TaskWork.entries(of: base, at: isLoose, git: git)
            + committed.compactMap { change in
                isLoose.contains(PathBytes(change.path)) ? nil : change.before.map { (change.path, $0) }
            }
        let before = try CheckedOutFiles(old, of: base, named: "base", git: git)
        let after = try CheckedOutFiles(
            committed.compactMap { change in change.after.map { (change.path, $0) } }, of: tip, named: "tip", git: git)
        let tree = try describing("cannot open \(record.tree.printable)") { try BeneathDirectory(record.tree) }
        var changes: [Change] = []
        for change in committed where !isLoose.contains(PathBytes(change.path)) {
            changes.append(
                Change(
                    path: change.path, before: try change.before.flatMap { _ in try before.version(at: change.path) },
                    after: try change.after.flatMap { _ in try after.version(at: change.path) }))
        }
        for path in isLoose.map(\.path) {
            let change = Change(path: path, before: try before.version(at: path), after: try TaskWork.version(at: path, in: tree))
            if try !TaskWork.isNothing(change) { changes.append(change) }
        }
        self.changes = changes.sorted { PathBytes($0.path) < PathBytes($1.path) }
    }

    /// The commit that the task's work is compared with: where it parted from its base, or what of it was merged last, whichever is later.
    private static func base(of record: TaskRecord, tip: ObjectID, baseTip: ObjectID, git: IsolatedGit) throws -> ObjectID {
        let outcome = try git.attempt(["merge-base", baseTip.hex, tip.hex])
        let fork = ObjectID(String(decoding: outcome.output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        guard let merged = record.merged, try isAncestor(merged, of: tip, git) else { return fork ?? git.emptyTreeID }
        guard let fork else { return merged }
        return try isAncestor(fork, of: merged, git) ? merged : fork
    }

    private static func isAncestor(_ one: ObjectID, of other: ObjectID, _ git: IsolatedGit) throws -> Bool {
        try git.attempt(["merge-base", "--is-ancestor", one.hex, other.hex]).status == 0
    }

    /// What a tree has at some paths (git-ls-tree(1)): `100644 blob <id>\t<path>`, each with a NUL.
    private static func entries(
        of tree: ObjectID, at paths: Set<PathBytes>, git: IsolatedGit
    ) throws -> [(path: String, entry: TreeChange.Entry)] {
        if paths.isEmpty { return [] }
        return try git.run(["ls-tree", "-r", "-z", "--full-tree", tree.hex]).split(separator: 0).compactMap { line in
            guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { return nil }
            let path = String(osBytes: line[(tab + 1)...])
            guard paths.contains(PathBytes(path)) else { return nil }
            let fields = String(decoding: line[..<tab], as: UTF8.self).split(separator: " ")
            guard fields.count == 3, let mode = UInt32(fields[0], radix: 8), let object = ObjectID(fields[2]) else { return nil }
            return (path, TreeChange.Entry(mode: mode, object: object))
        }
    }

    /// What is in the task's tree, which a sandbox writes: reached without a link, with as much of its mode as git keeps.
    private static func version(at path: String, in tree: BeneathDirectory) throws -> FileVersion? {
        try describing("cannot read \(path.printable)") {
            do throws(SystemError) {
                var version = try FileVersion.read(path, in: tree)
                switch version.kind {
                case .directory:
                    return FileVersion(kind: .other(what: "another repository"), mode: 0) { throw SystemError("open", path, errno: EISDIR) }
                case .file: version.mode = (version.mode & 0o100 != 0 ? 0o777 : 0o666) & ~CheckedOutFiles.mask
                case .symlink, .other: break
                }
                version.attributes = [:]
                return version
            } catch {
                if [ENOENT, ENOTDIR, ELOOP].contains(error.errno) { return nil }
                throw error
            }
        }
    }

    /// Whether a path is as it was after all: what was committed has been taken back since.
    private static func isNothing(_ change: Change) throws -> Bool {
        guard let before = change.before, let after = change.after else { return change.before == nil && change.after == nil }
        guard before.kind == after.kind, before.mode == after.mode, before.size == after.size, before.target == after.target else {
            return false
        }
        guard before.kind == .file, before.size <= UInt64(FileDiff.longestText) else { return before.kind == .symlink }
        return try before.content(limit: FileDiff.longestText) == after.content(limit: FileDiff.longestText)
    }
}
