import CoopErrors
import Glibc
import LinuxKernel

/// A prepared private git directory: what to mount where, and how the user's repository was at that moment.
public struct PrivateGit: Sendable, Equatable {
    /// One bind mount. Sources are host paths; targets are paths inside. They are to be made in order.
    public struct Mount: Sendable, Equatable {
        public var source: String
        public var target: String
        public var readOnly: Bool
    }

    /// The user's repository.
    public var repository: GitRepository
    /// The private directory on the host.
    public var directory: String
    public var mounts: [Mount]
    /// The read-only file that is bound over `.git` where the workspace has a `.git` file; nil where `.git` is a directory.
    public var gitFile: String?
    public var start: RefSnapshot
    public var objectFormat: ObjectFormat
    /// Whether the host's file system makes no difference between `Main` and `main` (core.ignorecase).
    public var ignoresCase: Bool
    /// Paths relative to the workspace that the host's git trusts because its configuration names them (core.hooksPath,
    /// include.path, core.attributesFile, …): they have to be protected like the editor settings.
    public var trustedPaths: [String]
    /// The only reference that the session may move, its task's branch: that one it may also rewrite. Nil for a session in the user's own
    /// tree, which moves branches forward.
    public var ownBranch: String?

    /// The host's index at the start; nil when there was none.
    var index: Fingerprint?
    var identity: GitRepository.Identity
    /// The bytes of logs/refs/stash at the start.
    var stashLog: [UInt8]

    /// Takes away the lock of the index that a git inside has left behind which was killed with its sandbox: nothing that was staged could be
    /// taken over. Only once every process of the sandbox is gone.
    public func releaseIndex() {
        // Where it cannot be removed git inside says that it is in its way.
        guard let inside = try? BeneathDirectory(directory) else { return }
        _ = unlinkat(inside.descriptor.number, "index.lock", 0)
    }

    // MARK: - Keeping it, so that a later coop can import what a killed one could not

    private static let signature = "coop private git 1"

    /// Writes this value to a file outside the private directory, which the sandbox can write.
    public func save(to path: String) throws {
        var fields: [[UInt8]] = [Array(PrivateGit.signature.utf8)]
        func field(_ name: String, _ value: [UInt8]) { fields += [Array(name.utf8), value] }
        func field(_ name: String, _ value: String) { field(name, value.osBytes) }
        field("worktree", repository.workTree)
        field("link", repository.link == .file ? "file" : "directory")
        field("gitdir", repository.gitDirectory)
        field("commondir", repository.commonDirectory)
        for path in repository.objectDirectories { field("objects", path) }
        field("directory", directory)
        for mount in mounts {
            field("source", mount.source)
            field("target", mount.target)
            field("readonly", mount.readOnly ? "1" : "0")
        }
        if let gitFile { field("gitfile", gitFile) }
        field("format", objectFormat.rawValue)
        field("ignorecase", ignoresCase ? "1" : "0")
        for path in trustedPaths { field("trusted", path) }
        if let ownBranch { field("own", ownBranch) }
        if let index { field("index", index.description) }
        for inode in identity.inodes { field("inode", inode) }
        for bytes in identity.configuration { field("config", bytes) }
        field("stash", stashLog)
        switch start.head {
        case .branch(let name): field("branch", name)
        case .detached(let id): field("detached", id.hex)
        }
        for (name, id) in start.refs { field(id.hex, name) }
        for (name, target) in start.symbolic { field("symbolic \(target)", name) }
        // Every field is free of NUL: paths and references cannot hold one, and configuration with one is refused before.
        var bytes = Array(fields.joined(separator: [0]))
        bytes += [0] + Array("end".utf8)
        // Renamed into place, but not synchronised: a process that is killed loses nothing, and start-up cannot wait for a disk.
        let temporary = path + ".tmp"
        try describing("cannot write \(path.printable)") {
            try writeFile(temporary, bytes, mode: 0o600)
            try FileSystem.rename(temporary, to: path)
        }
    }

    /// Reads what ``save(to:)`` wrote.
    public static func load(from path: String) throws -> PrivateGit {
        let bytes = try describing("cannot read \(path.printable)") { try FileSystem.read(path, limit: 512 << 20) }
        func broken(_ why: String) -> CoopError { CoopError(.failed, "cannot read \(path.printable)", why, next: "coop ps") }
        let fields = bytes.split(separator: 0, omittingEmptySubsequences: false)
        guard fields.first?.elementsEqual(signature.utf8) == true, fields.last?.elementsEqual("end".utf8) == true, fields.count % 2 == 0
        else { throw broken("not a complete record of a session's git directory") }

        var repository = GitRepository(workTree: "", link: .directory, gitDirectory: "", commonDirectory: "", objectDirectories: [])
        var head: RefSnapshot.Head?
        var result = PrivateGit(
            repository: repository, directory: "", mounts: [], gitFile: nil,
            start: RefSnapshot(head: .branch(""), refs: [:], symbolic: [:]),
            objectFormat: .sha1, ignoresCase: false, trustedPaths: [], index: nil,
            identity: GitRepository.Identity(configuration: [], inodes: []), stashLog: [])
        for position in stride(from: 1, to: fields.count - 1, by: 2) {
            let name = String(osBytes: fields[position])
            let raw = fields[position + 1]
            let value = String(osBytes: raw)
            switch name {
            case "worktree": repository.workTree = value
            case "link": repository.link = value == "file" ? .file : .directory
            case "gitdir": repository.gitDirectory = value
            case "commondir": repository.commonDirectory = value
            case "objects": repository.objectDirectories.append(value)
            case "directory": result.directory = value
            case "source": result.mounts.append(Mount(source: value, target: "", readOnly: true))
            case "target" where !result.mounts.isEmpty: result.mounts[result.mounts.count - 1].target = value
            case "readonly" where !result.mounts.isEmpty: result.mounts[result.mounts.count - 1].readOnly = value == "1"
            case "gitfile": result.gitFile = value
            case "format": result.objectFormat = ObjectFormat(rawValue: value) ?? .sha1
            case "ignorecase": result.ignoresCase = value == "1"
            case "trusted": result.trustedPaths.append(value)
            case "own": result.ownBranch = value
            case "index": result.index = Fingerprint(description: value)
            case "inode": result.identity.inodes.append(value)
            case "config": result.identity.configuration.append(Array(raw))
            case "stash": result.stashLog = Array(raw)
            case "branch": head = .branch(value)
            case "detached": head = ObjectID(value).map(RefSnapshot.Head.detached)
            default:
                if let id = ObjectID(name) {
                    result.start.refs[value] = id
                } else if name.hasPrefix("symbolic ") {
                    result.start.symbolic[value] = String(name.dropFirst(9))
                } else {
                    throw broken("unknown field \(name.printable)")
                }
            }
        }
        guard let head, !repository.gitDirectory.isEmpty, !result.directory.isEmpty else { throw broken("fields are missing") }
        result.start.head = head
        result.repository = repository
        return result
    }
}

/// Writes a new file in a directory of coop's own.
func writeFile(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws(SystemError) {
    let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
    try file.writeAll(bytes, subject: path)
}
