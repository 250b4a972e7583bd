import CoopErrors
import LinuxKernel
import Overlays
import Sandbox
import Workspaces

/// What a session leaves whose supervisor was killed.
extension WorkspaceSession {
    /// Finishes what a killed command has left behind.
    ///
    /// - Returns: whether the remains can go.
    static func settle(_ remains: SessionDirectory, context: Context) throws -> Bool {
        var record: WorkspaceRecord?
        if try FileSystem.kindIfPresent(remains.file(recordName), followLinks: false) == .file {
            let bytes = try FileSystem.read(remains.file(recordName), limit: 1 << 22)
            // Killed while it was being written: the sandbox had not started.
            record = try? JSONText.decode(WorkspaceRecord.self, from: bytes)
        }
        let isGone = try record.map { try FileSystem.kindIfPresent($0.root) == nil } ?? false
        if isGone, let record, try waits(remains, record, context) { return false }
        try PlaceholderJournal.sweep(placeholderDirectory(context)) { $0 == remains.id }
        var git: PrivateGit?
        if try FileSystem.kindIfPresent(remains.file(gitRecordName), followLinks: false) == .file {
            if let saved = try privateGit(of: remains) {
                // Another session has gone on with the task: its commits come first, and these when it is over.
                let lock = try SessionCommits.taskLock(of: saved)
                if saved.ownBranch != nil, lock == nil { return false }
                defer { withExtendedLifetime(lock) {} }
                // Without a record the sandbox had not started; without the directory its commits are kept elsewhere.
                if let record, try FileSystem.kindIfPresent(saved.directory, followLinks: false) != nil {
                    try takeOver(saved, remains, record, context)
                }
                git = saved
            } else if let record, try FileSystem.kindIfPresent(remains.file(gitName), followLinks: false) == .directory {
                try SessionCommits.keepWithoutRecord(remains.file(gitName), of: remains.id, project: record.project, context: context)
            }
        }
        if let overlay = record?.overlay {
            _ = try OverlayRecorder.finish(OverlayDirectory(path: overlay))
        } else if let record, !isGone {
            let distrusted = Result {
                if let plan = record.plan { try distrust(since: plan, record, context: context, session: remains.id) }
            }
            // What it fails for says more of the same.
            try inspect(record, repository: git?.repository, context: context, session: remains.id)
            try distrusted.get()
        }
        return true
    }

    /// Whether remains wait for a project that is not there now: it may be on a disk that is not mounted. That is said once. What is not there
    /// for good is forgotten with its project, and a task that was removed is gone for good.
    private static func waits(_ remains: SessionDirectory, _ record: WorkspaceRecord, _ context: Context) throws -> Bool {
        if record.task != nil { return false }
        let project = FileSystem.join(context.home.directory(.projects), record.project)
        guard try FileSystem.kindIfPresent(project) != nil else {
            say("the project \(record.root) of the killed sandbox \(remains.id) is gone: what it left there was not looked at")
            return false
        }
        let told = remains.file("absence-told")
        if try FileSystem.kindIfPresent(told) == nil {
            let path = record.root.shellQuoted
            FileHandleOutput.standardError(
                """
                coop: the project \(record.root.printable) is not there: what the killed sandbox \(remains.id) left in it is looked at once it is
                Next: coop project rm \(path)   # if it is gone for good

                """)
            try FileSystem.create(told, with: [])
        }
        return true
    }

    /// The private git directory of a session as it was at the start; nil where a power loss has swallowed that.
    private static func privateGit(of remains: SessionDirectory) throws -> PrivateGit? {
        let path = remains.file(gitRecordName)
        do { return try PrivateGit.load(from: path) } catch {
            // One that cannot be read now may be readable later; one without its contents never will.
            _ = try FileSystem.read(path, limit: 512 << 20)
            return nil
        }
    }

    /// Takes over the commits of a session that could not do so itself. What fails now would fail with every later command: it waits for its
    /// user, who is told.
    private static func takeOver(_ git: PrivateGit, _ remains: SessionDirectory, _ record: WorkspaceRecord, _ context: Context) throws {
        do {
            try SessionCommits.takeOver(
                git, session: remains, project: record.project, context: context, isLive: record.overlay == nil)
        } catch let error as CoopError {
            say("cannot import the commits of session \(remains.id): \(error.message)")
            try SessionCommits.keep(git, of: remains.id, project: record.project, [error.message], context: context)
        }
    }
}
