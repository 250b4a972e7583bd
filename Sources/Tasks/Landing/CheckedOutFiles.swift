import CoopErrors
import Glibc
import LinuxKernel
import Review
import Workspaces

/// Some paths of a tree of the repository as files, checked out into a directory of coop's own where no sandbox reaches them.
///
/// Line ends and encodings are as attributes and the user's configuration ask for; a filter that is a program is not run, so what it would have
/// made is as the repository holds it.
struct CheckedOutFiles: Sendable {
    let root: String
    private let commits: Set<PathBytes>

    /// - Parameters:
    ///   - entries: the paths, with what the tree has there.
    ///   - name: of the directory, in that of the git.
    init(_ entries: [(path: String, entry: TreeChange.Entry)], of tree: ObjectID, named name: String, git: IsolatedGit) throws {
        root = FileSystem.join(git.directory, name)
        commits = Set(entries.filter(\.entry.isRepository).map { PathBytes($0.path) })
        try describing("cannot check out the files of a merge") { try FileSystem.makeDirectories(root) }
        let files = entries.filter { !$0.entry.isRepository }
        if files.isEmpty { return }
        let index = root + ".index"
        _ = try git.run(["-c", "core.sparseCheckout=false", "read-tree", tree.hex], .init(index: index, workTree: root))
        let list = files.reduce(into: [UInt8]()) { $0 += $1.path.osBytes + [0] }
        _ = try git.run(
            ["-c", "core.sparseCheckout=false", "checkout-index", "--stdin", "-z", "-q", "-f"],
            .init(index: index, workTree: root, input: list))
    }

    /// What the tree has at a path; nil when that is none of those that were checked out.
    func version(at path: String) throws -> FileVersion? {
        if commits.contains(PathBytes(path)) {
            return FileVersion(kind: .other(what: "a commit of another repository"), mode: 0) {
                throw SystemError("open", path, errno: EISDIR)
            }
        }
        return try describing("cannot read \(path.printable)") {
            let directory = try BeneathDirectory(root)
            do throws(SystemError) {
                var version = try FileVersion.read(path, in: directory)
                // Only what git keeps of a mode (git-update-index(1)): the rest follows from the user's file mode creation mask.
                if version.kind == .file { version.mode = (version.mode & 0o100 != 0 ? 0o777 : 0o666) & ~CheckedOutFiles.mask }
                version.attributes = [:]
                return version
            } catch {
                if error.errno == ENOENT { return nil }
                throw error
            }
        }
    }

    /// The user's file mode creation mask (umask(2)).
    static let mask: UInt32 = {
        let mask = umask(0o077)
        umask(mask)
        return UInt32(mask)
    }()
}
