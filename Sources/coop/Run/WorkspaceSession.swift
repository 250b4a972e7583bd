import CLinux
import CoopErrors
import FoundationEssentials
import Glibc
import LinuxKernel
import Overlays
import Projects
import Sandbox
import Vault
import Workspaces

/// What a sandbox's work needs on the host beside the sandbox itself: a private git directory, placeholders for what must
/// not appear, and the checks afterwards. Everything is recorded in the session's directory, so that a later command can
/// finish what a killed one could not.
final class WorkspaceSession {
    /// Whether nothing is left that a later command would have to finish.
    private(set) var isSettled = true
    private let session: SessionDirectory
    private let context: Context
    private let record: WorkspaceRecord?
    private let git: PrivateGit?
    private let placeholders: PlaceholderJournal?
    /// What the sandbox changes, kept apart from the workspace; nil where it works on the workspace itself.
    private let overlay: OverlayRecorder?
    /// Its mount, where it has been made already.
    private(set) var mount: Descriptor?
    /// How many paths differ in the overlay, once the session is over.
    private(set) var changed = 0

    private init(
        session: SessionDirectory, context: Context, record: WorkspaceRecord?, git: PrivateGit? = nil,
        placeholders: PlaceholderJournal? = nil, overlay: OverlayRecorder? = nil
    ) {
        self.session = session
        self.context = context
        self.record = record
        self.git = git
        self.placeholders = placeholders
        self.overlay = overlay
    }

    static let gitName = "git"
    static let gitRecordName = "git.record"
    static let recordName = "workspace.json"

    // MARK: - Before

    /// Prepares the host and adds what the sandbox gets to see to the spec.
    static func prepare(
        spec: inout SandboxSpec, session: SessionDirectory, context: Context, project: Project, task: TaskRun? = nil, protect: [String]
    ) throws -> WorkspaceSession {
        switch spec.workspace.mode {
        case .none: return WorkspaceSession(session: session, context: context, record: nil)
        case .overlay:
            let record = WorkspaceRecord(
                root: spec.workspace.path, project: project.key.text, hadRepository: false, knownRepositories: [], visible: [],
                start: WorkspaceScan.now(), overlay: spec.workspace.overlay)
            // Before anything is made elsewhere.
            try record.save(to: session.file(recordName))
            let work = try OverlayWork(spec: &spec, session: session, context: context)
            do {
                try work.git?.save(to: session.file(gitRecordName))
            } catch {
                try? work.overlay.abandon()
                throw error
            }
            let made = WorkspaceSession(session: session, context: context, record: record, git: work.git, overlay: work.overlay)
            made.mount = work.mount
            return made
        case .bind: break
        }
        let root = spec.workspace.path
        let found = try Preparation(
            spec: spec, agents: AgentRun.protected(context), protect: protect, session: session.file(gitName), task: task)
        try found.git?.save(to: session.file(gitRecordName))
        let record = WorkspaceRecord(
            root: root, project: project.key.text, task: task?.record.name.text, hadRepository: found.git != nil,
            knownRepositories: found.repositories,
            visible: SpecBuilder.systemDirectories + spec.mounts.map(\.target), start: WorkspaceScan.now(), plan: found.plan)
        let journal = try PlaceholderJournal.create(for: found.plan, session: session.id, in: placeholderDirectory(context))
        found.apply(to: &spec)
        return WorkspaceSession(session: session, context: context, record: record, git: found.git, placeholders: journal)
    }

    /// The mount of its overlay, for the one sandbox, where it has been made already.
    func takeMount() -> Descriptor? {
        defer { mount = nil }
        return mount
    }

    /// Records what a later command has to look at should this one be killed; before anything runs inside.
    func publish() throws {
        if let overlay { return try overlay.start() }
        try record?.save(to: session.file(WorkspaceSession.recordName))
    }

    static func privateGit(of repository: GitRepository, at directory: String) throws -> PrivateGit {
        let variables = Dictionary(EnvironmentBuilder.host().map { ($0.name, $0.value) }) { first, _ in first }
        return try PrivateGitDirectory.prepare(repository, at: directory, user: GitUserConfiguration(environment: variables)) {
            try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin")
        }
    }

    /// What git inside works on.
    static func add(_ git: PrivateGit, to spec: inout SandboxSpec) {
        for mount in git.mounts {
            spec.mounts.append(
                Mount(
                    source: FileSystem.realPath(mount.source) ?? mount.source, target: mount.target, readOnly: mount.readOnly,
                    isDirectory: FileSystem.kind(mount.source) == .directory, reason: "git"))
        }
    }

    /// Adds to the spec what `prepare` would, and leaves nothing on the host.
    static func describe(
        spec: inout SandboxSpec, context: Context, project: Project, task: TaskRun? = nil, protect: [String]
    ) throws {
        guard spec.workspace.isShown else { return }
        try context.home.prepare(context.run)
        let session = try SessionDirectory.create(in: context.run, id: spec.id)
        do {
            if spec.workspace.mode == .overlay {
                try OverlayWork.describe(&spec, session: session)
                return try session.remove()
            }
            try Preparation(
                spec: spec, agents: AgentRun.protected(context), protect: protect, session: session.file(gitName), task: task
            )
            .apply(to: &spec)
        } catch {
            try? session.remove()
            throw error
        }
        try session.remove()
    }

    /// The project directory that a sandbox works on, from before its start; nil for one without, and while it is being made or removed.
    static func root(run: String, id: String) throws -> String? {
        if let bytes = try SessionDirectory.record(run: run, id: id) {
            return try JSONText.decode(SessionRecord.self, from: bytes).workspace
        }
        let path = FileSystem.join(FileSystem.join(run, id), recordName)
        guard FileSystem.kind(path) == .file else { return nil }
        // It may just be being written.
        return (try? JSONText.decode(WorkspaceRecord.self, from: FileSystem.read(path, limit: 1 << 22)))?.root
    }

    /// Removes the placeholders of sessions that are neither alive nor left to be finished.
    ///
    /// - Parameter sessions: those that have a directory, each of which sees to its own.
    static func sweepPlaceholders(except sessions: [String], context: Context) throws {
        try PlaceholderJournal.sweep(placeholderDirectory(context)) { !sessions.contains($0) }
    }

    /// Removes placeholders in a workspace that a power loss has left without a record.
    static func recover(root: String, context: Context) throws {
        try PlaceholderJournal.recover(root: root, in: placeholderDirectory(context), agents: AgentRun.protected(context))
    }

    static func placeholderDirectory(_ context: Context) -> String { FileSystem.join(context.home.path, "state/placeholders") }

    // MARK: - After

    /// Takes over commits, removes placeholders, and looks at what the sandbox left in the workspace.
    func finish() throws {
        guard let record else { return }
        var first: (any Error)?
        // What fails here is tried again by the next command, which finds the session's directory for that.
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch {
                first = first ?? error
                isSettled = false
            }
        }
        var hasCommits = false
        if let git {
            attempt {
                try SessionCommits.takeOver(git, session: session, project: record.project, context: context, isLive: overlay == nil)
                hasCommits = true
            }
        }
        if let overlay {
            attempt { changed = try overlay.finish() }
            if let first { throw first }
            return
        }
        attempt { try WorkspaceSession.distrust(record, by: "the sandbox", in: session, context: context) }
        // Before the look at the whole, which would look into each of them.
        attempt { try placeholders?.remove() }
        attempt { try WorkspaceSession.inspect(record, repository: git?.repository, context: context, session: session.id) }
        // What has arrived is not brought over a second time, to a repository that has gone on.
        if let git, hasCommits, !isSettled { attempt { try FileSystem.removeTree(git.directory) } }
        if let first { throw first }
    }

    /// A file of coop's own that the sandbox wrote is not believed until it is approved again. Done once: what its user has approved since is
    /// approved.
    ///
    /// - Parameter author: who wrote it, as far as anybody knows.
    static func distrust(_ record: WorkspaceRecord, by author: String, in session: SessionDirectory, context: Context) throws {
        let done = session.file("distrusted")
        guard let plan = record.plan, try FileSystem.kindIfPresent(done) == nil else { return }
        let changes = try ProtectedPaths.changes(since: plan)
        // What a task's tree says of coop is nobody's configuration.
        let project = record.task == nil ? try ProjectLocator(home: context.home).project(at: record.root) : nil
        for change in changes {
            guard change.kind == .written else {
                say("\(change.path) is another file than at the start: \(change.reason)")
                continue
            }
            if let project, change.path == "coop.toml" || change.path == "coop.local.toml" {
                try RecordedTrust(home: context.home).loseTrust(change.path, in: project, session: session.id)
                say("\(change.path) was written by \(author) and is not trusted; look at it, then: coop trust")
            } else {
                say("\(change.path) was written by \(author): \(change.reason)")
            }
        }
        if !changes.isEmpty { try FileSystem.create(done, with: []) }
    }

    /// Makes harmless what the host's git would obey, and reports the rest.
    static func inspect(_ record: WorkspaceRecord, repository: GitRepository?, context: Context, session: String) throws {
        let report = try WorkspaceScan.end(
            record.root, hadRepository: record.hadRepository, known: record.knownRepositories, since: record.start)
        if let top = report.findings.first(where: { $0.kind == .unreadable && $0.path == "." }) {
            throw CoopError(
                .failed, "cannot look at what was left in \(record.root.printable)", top.detail,
                next: "chmod u+rwx \(record.root.shellQuoted)")
        }
        let new = report.findings.filter(\.isNew)
        if new.isEmpty { return }
        let store = FileSystem.join(FileSystem.join(context.home.directory(.projects), record.project), "quarantine/" + session)
        let actions = try Quarantine(root: record.root, store: store, repository: repository).neutralise(new)
        for action in actions where !action.isOrdinary { say("\(action.finding.path): \(action.description)") }
        for finding in new where finding.kind == .unixSocket || finding.kind == .device || record.isSurprising(finding) {
            let what =
                switch finding.kind {
                case .unixSocket: "a unix socket"
                case .device: "a device node"
                default: "a link out of the workspace, to \(finding.detail)"
                }
            say("\(finding.path) was made inside: \(what)")
        }
        // What others own the sandbox has not closed.
        for finding in new where finding.kind == .unreadable {
            let path = FileSystem.join(record.root, finding.path)
            guard (try? FileSystem.status(path, followLinks: false))?.st_uid == getuid() else { continue }
            say(
                "\(finding.path) cannot be looked into (\(finding.detail)); open it only for a look: a git in it may run what its files say"
            )
        }
        if !report.isComplete { say("the workspace is too large to look at completely; \(report.entries) entries were seen") }
    }

    static func say(_ text: String) { FileHandleOutput.standardError("coop: \(text.printable)\n") }
}

/// What was found in a workspace at the start, and what it means for the spec.
private struct Preparation {
    let root: String
    let git: PrivateGit?
    let repositories: [String]
    let plan: ProtectionPlan
    /// Why a path is protected.
    private let reasons: [String: String]

    init(
        spec: SandboxSpec, agents: [ProtectedPaths.Entry], protect: [String], session directory: String, task: TaskRun?
    ) throws {
        let root = spec.workspace.path
        self.root = root
        if let repository = try task?.worktree ?? GitRepository.find(at: root) {
            var prepared = try WorkspaceSession.privateGit(of: repository, at: directory)
            if let task {
                prepared.ownBranch = task.record.name.reference
                // Watched for commits.
                try FileSystem.makeDirectories(FileSystem.join(directory, "logs"), mode: 0o755)
            }
            git = prepared
        } else {
            git = nil
        }
        repositories = try WorkspaceScan.start(root).repositories
        var plan = try ProtectedPaths.plan(root: root, agents: agents, extra: protect + (git?.trustedPaths ?? []) + repositories)
        // A mount needs a directory to stand on. One that is missing is made for the time of the session only.
        let targets = spec.mounts.filter(\.isDirectory).map(\.target) + spec.excludes
        plan.mountPoints = targets.filter { $0 != root && FileSystem.contains(root, $0) && FileSystem.kind($0, followLinks: false) == nil }
            .map { String($0.dropFirst(root.utf8.count + 1)) }
        self.plan = plan
        reasons = Dictionary(ProtectedPaths.entries(agents).map { ($0.path, $0.reason) }) { first, _ in first }
    }

    func apply(to spec: inout SandboxSpec) {
        if let git { WorkspaceSession.add(git, to: &spec) }
        // What is covered does not exist inside, and needs no protection.
        let covered = spec.mounts.filter { $0.reason != "git" }.map(\.target) + spec.excludes
        let operations = plan.operations.filter { operation in
            let path = FileSystem.join(root, operation.path)
            return !covered.contains { PathBytes(path) != PathBytes($0) && FileSystem.contains(root, $0) && FileSystem.contains($0, path) }
        }
        spec.protected =
            operations.map { operation in
                let path = FileSystem.join(root, operation.path)
                return switch operation {
                case .pin: Protection(path: path, form: .pinned, reason: "holds a protected path")
                case .readOnly:
                    Protection(
                        path: path, form: .readOnly,
                        reason: reasons[operation.path] ?? (repositories.contains(operation.path) ? "a repository of its own" : "asked for")
                    )
                }
            } + spec.protected
    }
}
