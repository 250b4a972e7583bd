import CoopErrors
import Glibc
import LinuxKernel

/// A private git directory that outlives its session, because commits in it did not arrive in the repository.
///
/// It lies in a directory of the session's id: `git` with the files beside it, as the session had them, `git.record`
/// (``PrivateGit/save(to:)``), and `reason`. Only git in a sandbox works on it, as before.
public struct KeptCommits: Sendable {
    /// The session's id.
    public let session: String
    public let directory: String
    /// What did not arrive, and why: a line each.
    public let reasons: [String]

    private static let gitName = "git"
    private static let recordName = "git.record"
    private static let reasonName = "reason"

    /// Moves a session's private git directory out of the session's own, to stay until somebody removes it. Killed at any point, it is either
    /// where it was or here, and a second call finishes what a first began.
    ///
    /// - Parameters:
    ///   - store: a directory of coop's own, on the same file system.
    ///   - reasons: what did not arrive, and why.
    @discardableResult
    public static func keep(_ git: PrivateGit, of session: String, reasons: [String], in store: String) throws -> KeptCommits {
        let directory = FileSystem.join(store, session)
        let place = FileSystem.join(directory, gitName)
        try describing("cannot keep the commits of session \(session)") {
            try FileSystem.makeDirectories(directory)
            for ending in [".file", ".empty", ".imported"] {
                guard let bytes = try FileBytes.contents(git.directory + ending, limit: 2 << 20) else { continue }
                try FileSystem.replace(place + ending, with: bytes)
            }
            try writeReasons(reasons, in: directory)
            try git.moved(to: place).save(to: FileSystem.join(directory, recordName))
            // The one step that counts: what has no `git` is nothing.
            try FileSystem.rename(git.directory, to: place)
        }
        return KeptCommits(session: session, directory: directory, reasons: reasons)
    }

    /// What is kept, the sessions sorted by their ids.
    ///
    /// - Parameter store: need not exist.
    public static func all(in store: String) throws -> [KeptCommits] {
        try describing("cannot list commits that are kept") {
            if try FileSystem.kindIfPresent(store) == nil { return [] }
            return try FileSystem.list(store).sorted().compactMap { name in
                let directory = FileSystem.join(store, name)
                guard !name.hasPrefix("."),
                    try FileSystem.kindIfPresent(FileSystem.join(directory, gitName), followLinks: false) == .directory
                else { return nil }
                let reasons = try FileBytes.contents(FileSystem.join(directory, reasonName), limit: 1 << 20) ?? []
                return KeptCommits(
                    session: name, directory: directory, reasons: reasons.split(separator: UInt8(ascii: "\n")).map { String(osBytes: $0) })
            }
        }
    }

    /// The private git directory, for another import or for git in a sandbox.
    ///
    /// The repository is compared with what it is now: the session is long over, and its user may have changed the configuration since.
    public func load() throws -> PrivateGit {
        var git = try PrivateGit.load(from: FileSystem.join(directory, KeptCommits.recordName))
        // Where the repository is gone an import says so, and a bundle does without it.
        if let now = try? git.repository.identity() { git.identity = now }
        return git
    }

    /// Says anew why they did not arrive.
    public func update(_ reasons: [String]) throws {
        try describing("cannot keep the commits of session \(session)") { try KeptCommits.writeReasons(reasons, in: directory) }
    }

    /// Removes them, for good.
    public func remove(to trash: Trash) throws {
        try describing("cannot remove the commits of session \(session)") { try trash.remove(directory) }
    }

    private static func writeReasons(_ reasons: [String], in directory: String) throws(SystemError) {
        let text = reasons.map { $0.printable + "\n" }.joined()
        try FileSystem.replace(FileSystem.join(directory, reasonName), with: text.osBytes)
    }
}

extension PrivateGit {
    /// The same for a project whose directory has another path now.
    public func relocated(from old: String, to new: String) -> PrivateGit {
        func path(_ path: String) -> String {
            guard let rest = FileSystem.relative(path, to: old) else { return path }
            return rest.isEmpty ? new : FileSystem.join(new, rest)
        }
        var result = self
        result.repository.workTree = path(repository.workTree)
        result.repository.gitDirectory = path(repository.gitDirectory)
        result.repository.commonDirectory = path(repository.commonDirectory)
        result.repository.objectDirectories = repository.objectDirectories.map(path)
        result.mounts = mounts.map { Mount(source: path($0.source), target: path($0.target), readOnly: $0.readOnly) }
        return result
    }

    /// The same with its directory, and the files beside it, elsewhere.
    func moved(to place: String) -> PrivateGit {
        func path(_ old: String) -> String {
            guard old == directory || old.hasPrefix(directory + "."), !old.dropFirst(directory.utf8.count).contains("/") else { return old }
            return place + old.dropFirst(directory.utf8.count)
        }
        var result = self
        result.mounts = mounts.map { Mount(source: path($0.source), target: $0.target, readOnly: $0.readOnly) }
        result.gitFile = gitFile.map(path)
        result.directory = place
        return result
    }
}
