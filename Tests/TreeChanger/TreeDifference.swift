import Glibc
import LinuxKernel
import Review
import Workspaces

/// The edits that make one tree the same as another, found by looking at everything in both.
struct TreeDifference {
    let root: BeneathDirectory
    let wanted: BeneathDirectory
    private(set) var edits: [TreeEdit] = []

    init(root: String, wanted: String) throws {
        self.root = try BeneathDirectory(root)
        self.wanted = try BeneathDirectory(wanted)
        try compare("")
    }

    private mutating func compare(_ directory: String) throws {
        let path = directory.isEmpty ? "." : directory
        let mine = try names(root, path)
        let its = try names(wanted, path)
        for name in mine.union(its).sorted() {
            let path = directory.isEmpty ? name.path : directory + "/" + name.path
            let now = mine.contains(name) ? try fingerprint(root, path) : nil
            let after = its.contains(name) ? try FileVersion.read(path, in: wanted) : nil
            let before = mine.contains(name) ? try FileVersion.read(path, in: root) : nil
            if try !isSame(before, after) { edits.append(TreeEdit(path: path, expected: now, version: after)) }
            if before?.kind == .directory || after?.kind == .directory { try compare(path) }
        }
    }

    private func names(_ tree: BeneathDirectory, _ directory: String) throws -> Set<PathBytes> {
        guard let found = try? tree.holder(directory) else { return [] }
        return Set(try found.entries().map { PathBytes($0.name) })
    }

    private func fingerprint(_ tree: BeneathDirectory, _ path: String) throws -> Fingerprint? {
        var status = stat()
        let file = try tree.open(path, BeneathDirectory.pathOnly | O_NOFOLLOW)
        return fstat(file.number, &status) == 0 ? Fingerprint(status) : nil
    }

    private func isSame(_ one: FileVersion?, _ other: FileVersion?) throws -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        guard one.kind == other.kind, one.mode == other.mode, one.attributes == other.attributes else { return false }
        switch one.kind {
        case .file: return try one.size == other.size && one.content(limit: 1 << 30) == other.content(limit: 1 << 30)
        case .symlink: return one.target?.osBytes == other.target?.osBytes
        default: return true
        }
    }
}
