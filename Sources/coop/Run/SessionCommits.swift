import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Projects
import Sandbox
import Tasks
import Workspaces

/// Brings what a sandbox committed into the user's repository: at its end, while it goes on, and after it was killed.
enum SessionCommits {
    /// Keeps others out of the task that a killed session worked in; nil for one that is in use, and where there is no task.
    static func taskLock(of git: PrivateGit) throws -> TaskLock? {
        guard let own = git.ownBranch else { return nil }
        let directory = FileSystem.parent(of: git.repository.workTree)
        let name = try TaskName(String(own.dropFirst("refs/heads/coop/".utf8.count)))
        return try TaskLock.idle(name, in: TaskStore(directory: FileSystem.parent(of: directory)))
    }

    /// Commits made inside arrive in the repository. What does not is kept for its user, and said.
    ///
    /// - Parameters:
    ///   - project: the key of the session's project.
    ///   - isLive: whether the sandbox worked on the host's own files.
    static func takeOver(_ git: PrivateGit, session: SessionDirectory, project: String, context: Context, isLive: Bool) throws {
        git.releaseIndex()
        let work = try commitImport(git, session: session.id, context: context, isLive: isLive)
        guard try work.isNeeded() else { return try work.forget() }
        let result: ImportResult
        do {
            // The session's own are still there, and on their own record.
            result = try work.run(try runner(git, context: context) { try SessionDirectory.recordImportCgroups($0, in: session.path) })
        } catch let error as OneShotSandbox.TimedOut {
            // It would be the same with the next command.
            WorkspaceSession.say("cannot import the commits of session \(session.id): \(error)")
            return try keep(git, of: session.id, project: project, ["\(error)"], context: context)
        }
        tell(result, isLive: isLive)
        if !result.refused.isEmpty { try keep(git, of: session.id, project: project, reasons(result), context: context) }
        try work.forget()
    }

    /// Keeps what a session has committed where it could not be taken over, and says so.
    static func keep(_ git: PrivateGit, of session: String, project: String, _ reasons: [String], context: Context) throws {
        let store = ProjectCommits.store(context, project)
        try context.home.prepare(store)
        try KeptCommits.keep(git, of: session, reasons: reasons, in: store)
        FileHandleOutput.standardError(
            "coop: what did not arrive of session \(session) is kept\nNext: coop commits list   # and how to get at it: coop commits --help\n"
        )
    }

    /// The same where it is not known any more what there was at the start: nothing can be taken over by itself, and nothing is thrown away.
    static func keepWithoutRecord(_ git: String, of session: String, project: String, context: Context) throws {
        let store = ProjectCommits.store(context, project)
        try context.home.prepare(store)
        let place = FileSystem.join(store, session)
        try FileSystem.makeDirectories(place)
        let reason = "the record of its start is lost, as after a power loss; its git directory is \(place)/git\n"
        try FileSystem.replace(FileSystem.join(place, "reason"), with: reason.osBytes)
        try FileSystem.rename(git, to: FileSystem.join(place, "git"))
        WorkspaceSession.say("commits of session \(session) cannot be imported: \(reason.dropLast())")
    }

    /// Tries again to take over what was kept.
    ///
    /// - Returns: whether everything has arrived.
    static func takeOver(_ kept: KeptCommits, context: Context) throws -> Bool {
        let git = try kept.load()
        let lock = try taskLock(of: git)
        if git.ownBranch != nil, lock == nil {
            throw CoopError(
                .notReady, "cannot import the commits of session \(kept.session)", "another session works in the task",
                next: "coop task list")
        }
        defer { withExtendedLifetime(lock) {} }
        // The session is over: the files of its tree may be anybody's by now, so that HEAD and index stay.
        let work = try commitImport(git, session: kept.session, context: context, isLive: false)
        let result: ImportResult
        do {
            result = try HelperRecord.with(context) { record in
                try work.run(try runner(git, context: context) { try record.recordCgroups($0) })
            }
        } catch let error as OneShotSandbox.TimedOut {
            throw CoopError(
                .failed, "cannot import the commits of session \(kept.session)", "\(error)", next: "coop commits bundle \(kept.session)")
        }
        tell(result, isLive: false)
        if !result.refused.isEmpty { try kept.update(reasons(result)) }
        return result.refused.isEmpty
    }

    /// Writes everything that was kept, and is not in the repository since before the session, as a bundle (git-bundle(1)).
    static func bundle(_ kept: KeptCommits, to output: borrowing Descriptor, context: Context) throws -> Bool {
        let git = try kept.load()
        let known = Set(git.start.refs.values).map { "^\($0.hex)\n" }.joined()
        let number = output.number
        return try HelperRecord.with(context) { record in
            let run = try runner(git, isReadOnly: true, context: context) { try record.recordCgroups($0) }
            return try run(["git", "bundle", "create", "-q", "-", "--all", "--stdin"], Array(known.utf8), number) == 0
        }
    }

    private static func reasons(_ result: ImportResult) -> [String] {
        result.refused.map { reference in
            guard case .refused(let why) = reference.outcome else { return reference.name }
            return "\(reference.name) \(reference.object?.hex.prefix(10) ?? ""): \(why)"
        }
    }

    private static func commitImport(
        _ git: PrivateGit, session: String, context: Context, isLive: Bool = true
    ) throws -> CommitImport {
        let program = try HostGit.find(path: environmentVariable("PATH") ?? "/usr/bin:/bin")
        let state = FileSystem.join(context.home.path, "state/git")
        try context.home.prepare(state)
        return try CommitImport(session: session, privateGit: git, git: program, stateDirectory: state, isLive: isLive)
    }

    /// What brings over commits of a session that goes on; nil for one that has no branch of its own.
    static func liveImport(
        of id: String, interruption: ImportInterruption, context: Context
    ) throws -> (directory: String, run: () throws -> Void)? {
        let git = try PrivateGit.load(from: FileSystem.join(FileSystem.join(context.run, id), WorkspaceSession.gitRecordName))
        guard git.ownBranch != nil else { return nil }
        let work = try commitImport(git, session: id, context: context)
        // Git inside goes on meanwhile: nothing of it is written, and no lock taken.
        let run = try runner(git, isReadOnly: true, context: context) {
            try SessionDirectory.recordImportCgroups($0, in: FileSystem.join(context.run, id))
        }
        return (git.directory, { _ = try work.runLive(run, interruption: interruption) })
    }

    /// How long git inside may take to list something, and to make a pack, in milliseconds. What it reads was written by the sandbox, and may
    /// keep it for ever: a pipe in the place of a file.
    private static let listLimit = 60_000
    private static let packLimit = 900_000

    /// Runs git in a sandbox of its own.
    private static func runner(
        _ git: PrivateGit, isReadOnly: Bool = false, context: Context, recordCgroups: @escaping ([String]) throws -> Void
    ) throws -> CommitImport.RunInside {
        let sandbox = OneShotSandbox(engine: NativeEngine(wardenPath: try WardenProgram.locate(), journal: recordCgroups))
        return { arguments, input, output in
            let source = try Descriptor.memory(input)
            // Copies of our own: the caller keeps the number it has lent.
            let target = Descriptor(owning: try check("dup") { fcntl(output, F_DUPFD_CLOEXEC, 3) })
            let errors = try ErrorStream.forCommand()
            let spec = gitSpec(git, isReadOnly: isReadOnly, command: arguments, context: context)
            let limit = arguments.contains("pack-objects") || arguments.contains("bundle") ? packLimit : listLimit
            return try sandbox.run(spec, input: source, output: target, error: errors, limit: limit).code
        }
    }

    /// A sandbox that sees the private git directory, the objects, and nothing of the workspace.
    private static func gitSpec(_ git: PrivateGit, isReadOnly: Bool, command: [String], context: Context) -> SandboxSpec {
        SandboxSpec(
            id: SessionDirectory.newID(), workspace: Workspace(path: git.repository.workTree, mode: .none),
            home: Home(path: context.home.userHome, source: nil),
            mounts: git.mounts.map {
                Mount(
                    source: FileSystem.realPath($0.source) ?? $0.source, target: $0.target, readOnly: $0.readOnly || isReadOnly,
                    isDirectory: FileSystem.kind($0.source) == .directory, reason: "git")
            },
            environment: [
                EnvironmentVariable(name: "PATH", value: "/usr/local/bin:/usr/bin:/bin", origin: "coop"),
                EnvironmentVariable(name: "HOME", value: context.home.userHome, origin: "coop"),
                // References are taken as they are; one that replaces itself would make git give up.
                EnvironmentVariable(name: "GIT_NO_REPLACE_OBJECTS", value: "1", origin: "coop"),
            ],
            user: User(name: "user", id: getuid(), group: getgid(), groupName: "users", shell: "/bin/sh"),
            workingDirectory: git.repository.workTree, degraded: Layer.allCases.filter(\.isOptional), command: command)
    }

    /// Says what did not arrive under its own name; what did is what everybody expects.
    private static func tell(_ result: ImportResult, isLive: Bool) {
        for reference in result.references {
            switch reference.outcome {
            case .parked(let name, let why): WorkspaceSession.say("\(reference.name) is kept as \(name): \(why)")
            case .skipped(let why), .refused(let why): WorkspaceSession.say("\(reference.name) was not taken over: \(why)")
            case .rewritten(let kept?): WorkspaceSession.say("\(reference.name) was rewritten; where it was before is kept as \(kept)")
            case .created, .fastForwarded, .rewritten, .alreadyThere: continue
            }
        }
        // Neither follows an overlay, whose files are not the host's.
        guard isLive else { return result.notes.forEach(WorkspaceSession.say) }
        if case .left(let why) = result.head { WorkspaceSession.say("HEAD stays: \(why)") }
        if case .left(let why) = result.index { WorkspaceSession.say("the index stays: \(why)") }
        for note in result.notes { WorkspaceSession.say(note) }
    }
}

/// Where a helper command inside may complain.
private enum ErrorStream {
    /// Our own standard error where it may go inside; a terminal or a socket may not, and then nobody listens.
    static func forCommand() throws(SystemError) -> Descriptor? {
        var found = stat()
        guard fstat(2, &found) == 0, let kind = FileKind(mode: found.st_mode), kind == .file || kind == .fifo else { return nil }
        return Descriptor(owning: try check("dup") { fcntl(2, F_DUPFD_CLOEXEC, 3) })
    }
}
