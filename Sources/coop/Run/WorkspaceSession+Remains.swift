import CoopErrors
import LinuxKernel
import Overlays
import Projects
import Sandbox
import Workspaces

/// What a session leaves whose supervisor was killed.
extension WorkspaceSession {
    /// Finishes what a killed command has left behind. Each part is tried, whatever becomes of the others.
    ///
    /// - Parameter given: the key of a project that is given up: nothing waits for it any more.
    /// - Returns: whether the remains can go.
    static func settle(_ remains: SessionDirectory, context: Context, givingUp given: String? = nil) throws -> Bool {
        var record = try workspaceRecord(of: remains)
        var isGone = false
        let former = record?.root
        if let lost = record, try !lost.isThere() {
            record = try lost.moved(among: ProjectRegistry(home: context.home).all(), context.home) ?? lost
            isGone = record?.root == lost.root
            if isGone, try waits(remains, lost, context, givingUp: given) { return false }
        }
        var first: (any Error)?
        func attempt(_ body: () throws -> Void) { do { try body() } catch { first = first ?? error } }
        let inspected = isGone || record?.overlay != nil ? nil : record
        var distrusting: (any Error)?
        if let inspected {
            do { try distrust(inspected, by: "the killed sandbox, or since,", in: remains, context: context) } catch { distrusting = error }
        }
        attempt { try PlaceholderJournal.sweep(placeholderDirectory(context)) { $0 == remains.id } }
        var git: PrivateGit?
        var isLocked = false
        attempt {
            guard try FileSystem.kindIfPresent(remains.file(gitRecordName), followLinks: false) == .file else { return }
            if var saved = try privateGit(of: remains) {
                if let former, let root = record?.root { saved = saved.relocated(from: former, to: root) }
                git = saved
                // Another session has gone on with the task: its commits come first, and these when it is over.
                let lock = try SessionCommits.taskLock(of: saved)
                isLocked = saved.ownBranch != nil && lock == nil
                if isLocked { return }
                defer { withExtendedLifetime(lock) {} }
                // Without a record the sandbox had not started; without the directory its commits are kept elsewhere.
                if let record, try FileSystem.kindIfPresent(saved.directory, followLinks: false) != nil {
                    try takeOver(saved, remains, record, context)
                }
            } else if let record, try FileSystem.kindIfPresent(remains.file(gitName), followLinks: false) == .directory {
                try SessionCommits.keepWithoutRecord(remains.file(gitName), of: remains.id, project: record.project, context: context)
            }
        }
        if isLocked, first == nil { return false }
        if let overlay = record?.overlay { attempt { _ = try OverlayRecorder.finish(OverlayDirectory(path: overlay)) } }
        if let inspected { attempt { try inspect(inspected, repository: git?.repository, context: context, session: remains.id) } }
        // What keeps coop from comparing files is said best by the look at all of them.
        if let error = first ?? distrusting { throw error }
        return true
    }

    /// What the session worked on; nil where its sandbox had not started.
    private static func workspaceRecord(of remains: SessionDirectory) throws -> WorkspaceRecord? {
        let path = remains.file(recordName)
        guard try FileSystem.kindIfPresent(path, followLinks: false) == .file else { return nil }
        let bytes = try FileSystem.read(path, limit: 1 << 22)
        do { return try JSONText.decode(WorkspaceRecord.self, from: bytes) } catch {
            // Nobody knows where to look, nor whose the commits are: nothing is thrown away.
            throw CoopError(
                .failed, "cannot read what it worked on", "its record is damaged, as after a power loss",
                next: "rm -r \(remains.path.shellQuoted)   # once nothing is needed of the commits in its directory git")
        }
    }

    /// Whether remains wait for a project that is not there now: it may be on a disk that is not mounted, or was moved, and no command has run
    /// in its new place. That is said once. A task that was removed is gone for good.
    private static func waits(
        _ remains: SessionDirectory, _ record: WorkspaceRecord, _ context: Context, givingUp given: String?
    ) throws -> Bool {
        if record.task != nil { return false }
        let project = FileSystem.join(context.home.directory(.projects), record.project)
        guard given != record.project, try FileSystem.kindIfPresent(project) != nil else {
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
