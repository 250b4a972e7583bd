import CoopErrors
import Glibc
import LinuxKernel

/// Gives the host's index the staged state that git had inside, entry by entry, keeping what it knows about unchanged files.
///
/// Only the tree crosses over; the index file inside is never read by git on the host. Git works on a copy and with an empty
/// working tree, so that it looks at no file, and no filter of a `.gitattributes` can run; the result is put in place under git's
/// own lock, `index.lock`.
struct IndexUpdate {
    let git: HostGit
    let session: String
    let stateDirectory: String
    /// The host's index when the session started.
    let start: Fingerprint?
    /// Commits that HEAD was at when the host's index may last have been written: one that holds just such a commit holds no work.
    var commits: [ObjectID] = []

    private var index: String { FileSystem.join(git.repository.gitDirectory, "index") }
    private var lock: String { index + ".lock" }
    /// A second name of the lock file's inode: by it, a later run knows a lock that a killed one left.
    private var prepared: String { index + ".coop-\(session)" }
    private var journal: String { IndexUpdate.journal(of: session, in: stateDirectory) }

    /// Where it is written which index a session's import has made.
    static func journal(of session: String, in stateDirectory: String) -> String {
        FileSystem.join(stateDirectory, "import-\(session).index")
    }

    /// - Parameter tree: a tree's name, or `HEAD`.
    func run(tree: String, _ step: (CommitImport.Step) throws -> Void) throws -> ImportResult.Followed {
        try describing("cannot update the index of \(git.repository.workTree.printable)") {
            try removeLeftovers()
            let bytes = try FileBytes.contents(index, limit: 2 << 30)
            let now = bytes.map { Fingerprint($0) }
            let isOurs = try now.map { try FileBytes.contents(journal, limit: 4096) == Array($0.description.utf8) } ?? false
            if now != start, !isOurs, try !holdsCommit(bytes) {
                return .left(why: "the index on the host changed meanwhile")
            }
            let result = try read(tree, into: bytes)
            // Written before the effect: a run after a crash then recognises its own work.
            try FileSystem.replace(journal, with: Fingerprint(result).description.utf8)
            try step(.indexPlanned)
            guard try place(result, over: now, step) else { return .left(why: "git is using the index on the host (index.lock)") }
            try step(.indexReplaced)
            return .taken
        }
    }

    /// Whether nothing is staged in the index: an editor's `git status` writes it again without changing what it holds.
    private func holdsCommit(_ bytes: [UInt8]?) throws -> Bool {
        guard let bytes, !commits.isEmpty else { return false }
        return try withCopy(of: bytes) { setting in
            try commits.contains {
                try git.attempt(["diff-index", "--cached", "--quiet", "--ignore-submodules=none", $0.hex, "--"], setting).status.isSuccess
            }
        }
    }

    /// Removes files of a run that was killed; a lock is only removed when it is provably ours.
    func removeLeftovers() throws(SystemError) {
        guard let own = try FileSystem.status(prepared, followLinks: false) else { return }
        if let held = try FileSystem.status(lock, followLinks: false), held.st_ino == own.st_ino, held.st_dev == own.st_dev {
            try FileSystem.removeFile(lock)
        }
        try FileSystem.removeFile(prepared)
    }

    /// The bytes of the index after `git read-tree`, made from a copy of `old`.
    private func read(_ tree: String, into old: [UInt8]?) throws -> [UInt8] {
        try withCopy(of: old) { setting in
            _ = try git.run(["read-tree", "--reset", tree], setting)
            return try FileSystem.read(setting.indexFile ?? "", limit: 2 << 30)
        }
    }

    /// Git's settings for work on a copy of an index, with a working tree that holds nothing.
    private func withCopy<Value>(of old: [UInt8]?, _ body: (HostGit.Setting) throws -> Value) throws -> Value {
        let directory = FileSystem.join(stateDirectory, "index-\(session)")
        try FileSystem.removeTree(directory)
        try FileSystem.makeDirectories(FileSystem.join(directory, "empty"))
        defer {
            // What is left here holds no work; the next run of this session removes it.
            try? FileSystem.removeTree(directory)
        }
        let copy = FileSystem.join(directory, "index")
        if let old {
            try writeFile(copy, old, mode: 0o600)
            try copyTimes(to: copy)
        }
        return try body(HostGit.Setting(indexFile: copy, workTree: FileSystem.join(directory, "empty")))
    }

    /// false when git itself holds the lock, or the index changed.
    private func place(_ bytes: [UInt8], over expected: Fingerprint?, _ step: (CommitImport.Step) throws -> Void) throws -> Bool {
        let mode = try FileSystem.status(index).map { $0.st_mode & 0o777 } ?? 0o644
        let file = try Descriptor.open(prepared, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        try file.writeAll(bytes, subject: prepared)
        try check("fsync", prepared) { fsync(file.number) }
        // Git compares each entry's time with the index's own to know which entries it must not trust ("racy git"): the entries
        // are the old ones, so the time has to be the old one too.
        if expected != nil { try copyTimes(to: prepared) }
        let linked = prepared.withOSBytes { from in lock.withOSBytes { link(from, $0) } }
        if linked != 0 {
            let failure = errno
            try FileSystem.removeFile(prepared)
            if failure == EEXIST { return false }
            throw SystemError("link", lock, errno: failure)
        }
        try step(.indexLocked)
        let now = try FileBytes.contents(index, limit: 2 << 30).map { Fingerprint($0) }
        guard now == expected else {
            try removeLeftovers()
            return false
        }
        try FileSystem.rename(lock, to: index)
        try FileSystem.removeFile(prepared)
        let directory = try Descriptor.open(git.repository.gitDirectory, O_RDONLY | O_DIRECTORY)
        try check("fsync", git.repository.gitDirectory) { fsync(directory.number) }
        return true
    }

    private func copyTimes(to target: String) throws(SystemError) {
        guard let status = try FileSystem.status(index) else { return }
        let times = [status.st_atim, status.st_mtim]
        if target.withOSBytes({ utimensat(AT_FDCWD, $0, times, 0) }) != 0 { throw SystemError("utimensat", target) }
    }
}
