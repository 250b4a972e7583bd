import Glibc
import LinuxKernel
import Projects
import Vault
import Workspaces

/// What a later command must know to finish a session.
struct WorkspaceRecord: Decodable {
    var root: String
    /// The project's key.
    var project: String
    /// The task whose tree it is.
    var task: String?
    var hadRepository: Bool
    /// Repositories in the workspace that existed at the start.
    var knownRepositories: [String]
    /// What could be seen beside the workspace: links that lead there are made by every tool (`venv/bin/python3`).
    var visible: [String]
    var startSeconds: Int
    var startNanoseconds: Int
    /// Where the sandbox's changes are kept apart from the workspace; nil where they are not.
    var overlay: String?
    /// The identity of `root`; nil where its file system keeps none.
    private var identity: String?
    /// Protected paths that the sandbox could write all the same, or exchange.
    private var missing: [ProtectionPlan.Missing]?
    private var links: [ProtectionPlan.Link]?
    private var watched: [ProtectionPlan.Watched]?

    init(
        root: String, project: String, task: String? = nil, hadRepository: Bool, knownRepositories: [String], visible: [String],
        start: timespec, overlay: String? = nil, plan: ProtectionPlan? = nil
    ) {
        self.root = root
        self.project = project
        self.task = task
        self.hadRepository = hadRepository
        self.knownRepositories = knownRepositories
        self.visible = visible
        startSeconds = start.tv_sec
        startNanoseconds = start.tv_nsec
        self.overlay = overlay
        identity = FileIdentity(of: root)?.description
        (missing, links, watched) = (plan?.missing, plan?.links, plan?.watched)
    }

    /// Whether the workspace is where it was. An empty directory in its place may be where its disk is mounted at other times.
    func isThere() throws(SystemError) -> Bool {
        guard try FileSystem.kindIfPresent(root) == .directory else { return false }
        if identity == nil || identity == FileIdentity(of: root)?.description { return true }
        return try !FileSystem.list(root).isEmpty
    }

    /// The same for the project as it is known now under another path; nil when it is not.
    func moved(among projects: [ProjectRecord], _ home: CoopHome) -> WorkspaceRecord? {
        let former = FileSystem.join(home.directory(.projects), self.project)
        for project in projects {
            func place(_ path: String) -> String? {
                FileSystem.relative(path, to: former).map { FileSystem.join(home.directory(of: project.key), $0) }
            }
            // The tree of a task lies in what is kept for the project.
            let root = place(root) ?? project.path
            guard root != self.root, let identity, FileIdentity(of: root)?.description == identity else { continue }
            var result = self
            (result.root, result.project, result.overlay) = (root, project.key.text, overlay.map { place($0) ?? $0 })
            return result
        }
        return nil
    }

    /// What to compare the protected paths with; nil for a sandbox that could reach none.
    var plan: ProtectionPlan? {
        guard let missing, let links, let watched else { return nil }
        return ProtectionPlan(root: root, missing: missing, links: links, watched: watched)
    }

    /// Whether a finding is a link to a place of the host that the sandbox could not see itself: bait for a host program.
    func isSurprising(_ finding: ScanFinding) -> Bool {
        guard finding.kind == .leavingLink else { return false }
        let base = FileSystem.parent(of: FileSystem.join(root, finding.path))
        let target = FileSystem.normalize(FileSystem.join(base, finding.detail))
        return !visible.contains { FileSystem.contains($0, target) }
    }

    var start: timespec { timespec(tv_sec: startSeconds, tv_nsec: startNanoseconds) }

    /// In one step: whoever finds it finds all of it.
    func save(to path: String) throws(SystemError) {
        let new = path + ".new"
        try Descriptor.open(new, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600).writeAll(text.utf8, subject: new)
        try FileSystem.rename(new, to: path)
    }

    /// As JSON. What writes any `Encodable` would take a good part of a millisecond for these few members.
    var text: String {
        var value = JSONValue([
            "root": .string(root), "project": .string(project), "hadRepository": .boolean(hadRepository),
            "knownRepositories": .array(knownRepositories.map { .string($0) }), "visible": .array(visible.map { .string($0) }),
            "startSeconds": .number(String(startSeconds)), "startNanoseconds": .number(String(startNanoseconds)),
        ])
        if let task { value["task"] = .string(task) }
        if let overlay { value["overlay"] = .string(overlay) }
        value["identity"] = identity.map { .string($0) }
        value["missing"] = missing.map { items in
            .array(items.map { JSONValue(["path": .string($0.path), "reason": .string($0.reason)]) })
        }
        value["links"] = links.map { items in
            .array(items.map { JSONValue(["path": .string($0.path), "target": .string($0.target), "reason": .string($0.reason)]) })
        }
        value["watched"] = watched.map { items in
            .array(items.map { JSONValue(["path": .string($0.path), "inode": .string($0.inode), "reason": .string($0.reason)]) })
        }
        return value.text()
    }
}
