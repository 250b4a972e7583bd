import CoopErrors
import Glibc
import LinuxKernel
import Workspaces

/// What is kept about one task, in a small file beside its working tree.
public struct TaskRecord: Sendable, Equatable {
    public static let fileName = "task"
    private static let header = "coop-task 1"

    public var name: TaskName
    /// Everything of this task: `$COOP_HOME/projects/KEY/tasks/NAME`. Not in the file, which may have moved with its project.
    public var directory: String
    /// The name of the working tree in ``directory``: that of the repository's own.
    public var leaf: String
    /// Git's name of the worktree: the part below `worktrees` of the repository.
    public var worktree: String
    /// The branch that it was made from, `refs/heads/main`; nil where that was no branch (a detached HEAD, a tag, a commit).
    public var baseBranch: String?
    /// The commit that it was made from.
    public var baseCommit: ObjectID
    /// Seconds since 1970.
    public var created: Int64
    /// The tip of the branch when it was last merged, by whatever way of merging; nil before.
    public var merged: ObjectID?
    /// The commit that the merge made, or moved the other branch to.
    public var mergedAs: ObjectID?
    /// What is added to ports in it, so that it can serve beside the repository's other working trees; nil until a session has begun in it.
    public var portOffset: Int?

    public init(
        name: TaskName, directory: String, leaf: String, worktree: String, baseBranch: String?, baseCommit: ObjectID, created: Int64,
        merged: ObjectID? = nil
    ) {
        self.name = name
        self.directory = directory
        self.leaf = leaf
        self.worktree = worktree
        self.baseBranch = baseBranch
        self.baseCommit = baseCommit
        self.created = created
        self.merged = merged
    }

    /// The working tree.
    public var tree: String { FileSystem.join(directory, leaf) }

    // MARK: - The file

    /// Reads the record in a task's directory; nil when there is none.
    ///
    /// - Throws: `CoopError` of kind `failed` for one that cannot be understood.
    static func read(directory: String) throws(CoopError) -> TaskRecord? {
        let path = FileSystem.join(directory, fileName)
        let bytes: [UInt8]
        do { bytes = try FileSystem.read(path, limit: 1 << 16) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw CoopError(.failed, "cannot read the record of a task", "\(error)", next: "ls -la \(directory.printable)")
        }
        let record = TaskRecord(parsing: bytes, directory: directory)
        guard let record, record.name.text == FileSystem.lastComponent(of: directory) else {
            throw CoopError(
                .failed, "cannot read the record of the task \(FileSystem.lastComponent(of: directory).printable)",
                "\(path.printable) is not one", next: damagedRemedy(directory))
        }
        return record
    }

    /// What helps where a record is damaged or gone.
    static func damagedRemedy(_ directory: String) -> String {
        "save what you need of \(directory.printable), then: coop task rm --force \(FileSystem.lastComponent(of: directory).printable)   # the branch stays"
    }

    /// Replaces the file as a whole.
    func write() throws(SystemError) {
        try FileSystem.replace(FileSystem.join(directory, TaskRecord.fileName), with: encoded)
    }

    var encoded: [UInt8] {
        FieldLines.encode(
            TaskRecord.header,
            [
                ("name", name.text), ("leaf", leaf), ("worktree", worktree), ("base_branch", baseBranch), ("base_commit", baseCommit.hex),
                ("created", String(created)), ("merged", merged?.hex), ("merged_as", mergedAs?.hex),
                ("port_offset", portOffset.map { String($0) }),
            ])
    }

    init?(parsing bytes: [UInt8], directory: String) {
        guard let fields = FieldLines.decode(TaskRecord.header, bytes) else { return nil }
        guard let name = fields["name"].flatMap({ try? TaskName($0) }), let leaf = fields["leaf"], !leaf.isEmpty, !leaf.contains("/"),
            leaf != ".", leaf != "..", let worktree = fields["worktree"], !worktree.isEmpty, !worktree.contains("/"), worktree != ".",
            worktree != "..", let commit = fields["base_commit"].flatMap({ ObjectID($0) })
        else { return nil }
        self.init(
            name: name, directory: directory, leaf: leaf, worktree: worktree, baseBranch: fields["base_branch"], baseCommit: commit,
            created: fields["created"].flatMap { Int64($0) } ?? 0, merged: fields["merged"].flatMap { ObjectID($0) })
        mergedAs = fields["merged_as"].flatMap { ObjectID($0) }
        portOffset = fields["port_offset"].flatMap { Int($0) }
    }
}
