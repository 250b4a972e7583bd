import CoopErrors
import Glibc
import LinuxKernel
import Review
import Workspaces

/// Where merges are kept while they are made: `$COOP_HOME/state/merge/ID`, with a lock, the journal, and the files of the merge.
package struct MergeStore: Sendable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    /// A merge that this process makes. It is over when nobody holds it any more.
    package final class Place: Sendable {
        package let id: String
        package let directory: String
        private let lock: Descriptor

        fileprivate init(id: String, directory: String, lock: Descriptor) {
            self.id = id
            self.directory = directory
            self.lock = lock
        }

        deinit {
            // With a journal it is for the next command to say what has become of it; that command also removes what cannot be removed here.
            do {
                guard try FileSystem.kindIfPresent(FileSystem.join(directory, "journal")) == nil else { return }
                try FileSystem.removeTree(directory)
            } catch { return }
        }

        /// For the merge's own files.
        package var work: String { FileSystem.join(directory, "work") }

        func write(_ journal: MergeJournal) throws(SystemError) {
            try FileSystem.replace(FileSystem.join(directory, "journal"), with: journal.encoded)
        }

        func forget() throws(SystemError) { try FileSystem.removeFile(FileSystem.join(directory, "journal")) }
    }

    /// Makes a place for a new merge.
    package func begin() throws -> Place {
        try describing("cannot prepare a merge") {
            try FileSystem.makeDirectories(directory)
            let id = String((0..<12).map { _ in "abcdefghijkmnpqrstuvwxyz23456789".randomElement() ?? "a" })
            // Under its name only once it is locked: whoever recovers would take it for a killed one's.
            let (hidden, path) = (FileSystem.join(directory, ".\(id)"), FileSystem.join(directory, id))
            try FileSystem.makeDirectories(hidden)
            guard let lock = try MergeStore.lock(hidden) else { throw SystemError("flock", hidden, errno: EWOULDBLOCK) }
            try FileSystem.rename(hidden, to: path)
            return Place(id: id, directory: path, lock: lock)
        }
    }

    /// Takes the lock of a directory; nil while its process lives.
    private static func lock(_ path: String) throws(SystemError) -> Descriptor? {
        let file = try Descriptor.open(FileSystem.join(path, "lock"), O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        while flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            if errno != EINTR { throw SystemError("flock", path) }
        }
        return file
    }

    // MARK: - After a kill

    /// What has become of a merge whose process was killed.
    package struct Recovered: Sendable {
        package var task: String
        /// Whether the merge is made; else everything is as it was.
        package var isDone: Bool
    }

    /// The journal of a merge, as its landing names it.
    private func journal(_ id: String) throws -> MergeJournal? {
        // The name comes from a journal of coop's own, and still is only taken for a name.
        guard !id.contains("/"), !id.hasPrefix(".") else { return nil }
        let path = FileSystem.join(FileSystem.join(directory, id), "journal")
        return try FileSystem.kindIfPresent(path) == .file ? MergeJournal(try FileSystem.read(path, limit: 1 << 20)) : nil
    }

    /// Whether the branch of the landing's merge has moved already: for `LandingStore.recover(isCompleted:)`, which comes first.
    package func isCompleted(_ note: LandingNote, git: String, views: String) throws -> Bool {
        guard note.kind == .merge, let journal = try journal(note.detail) else { return false }
        return try MergeStore.hasMoved(journal, git: git, views: views)
    }

    /// Finishes what killed processes have left of merges, or takes it back. With nothing to do it costs the listing of a directory.
    ///
    /// - Parameter landings: one whose tree is still to be recovered stays until that is done.
    /// - Returns: what there was, and the errors of those that stay for the next time.
    package func recover(landings: LandingStore, git: () throws -> String, views: String) throws -> (
        recovered: [Recovered], failures: [any Error]
    ) {
        guard try FileSystem.kindIfPresent(directory) == .directory else { return ([], []) }
        var recovered: [Recovered] = []
        var failures: [any Error] = []
        for id in try FileSystem.list(directory).sorted() {
            do {
                let path = FileSystem.join(directory, id)
                // One that is just being made is not locked for a moment.
                if id.hasPrefix("."), let status = try FileSystem.status(path), time(nil) - status.st_mtim.tv_sec < 60 { continue }
                guard let lock = try MergeStore.lock(path) else { continue }
                defer { withExtendedLifetime(lock) {} }
                if let journal = try journal(id) {
                    if try landings.isPending({ $0.kind == .merge && $0.detail == id }) { continue }
                    recovered.append(try finish(journal, id: id, git: try git(), views: views))
                }
                try FileSystem.removeTree(path)
            } catch {
                failures.append(error)
            }
        }
        return (recovered, failures)
    }

    private func finish(_ journal: MergeJournal, id: String, git: String, views: String) throws -> Recovered {
        let isDone = try MergeStore.hasMoved(journal, git: git, views: views)
        if let checkout = journal.checkout, try FileSystem.kindIfPresent(checkout.gitDirectory) == .directory {
            let lock = IndexLock(gitDirectory: checkout.gitDirectory, id: id)
            if isDone { try lock.place() } else { try lock.release() }
        }
        if isDone { try MergeStore.record(journal) }
        return Recovered(task: journal.task, isDone: isDone)
    }

    /// Whether the branch is at the merge's commit, or has gone on from there.
    private static func hasMoved(_ journal: MergeJournal, git: String, views: String) throws -> Bool {
        let repository = GitRepository(
            workTree: journal.checkout?.tree ?? journal.commonDirectory, link: .directory,
            gitDirectory: journal.checkout?.gitDirectory ?? journal.commonDirectory, commonDirectory: journal.commonDirectory,
            objectDirectories: [FileSystem.join(journal.commonDirectory, "objects")])
        guard try FileSystem.kindIfPresent(repository.gitDirectory) == .directory else { return false }
        let host = HostGit(repository, executable: git, views: views)
        return try host.attempt(["merge-base", "--is-ancestor", journal.new.hex, journal.reference]).status.isSuccess
    }

    /// Keeps with the task that everything up to its last commit has been merged.
    static func record(_ journal: MergeJournal) throws {
        guard var task = try TaskRecord.read(directory: journal.taskDirectory) else { return }
        task.merged = journal.tip
        task.mergedAs = journal.new
        try describing("cannot keep the record of the task \(task.name)") { try task.write() }
    }
}
