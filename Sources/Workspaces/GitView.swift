import CoopErrors
import Glibc
import LinuxKernel

/// What git on the host sees of the user's repository: a directory of coop's own in the place of the common one (git(1),
/// GIT_COMMON_DIR). References, objects and logs are links to the real ones; the configuration holds the keys that ``HardenedGit`` lists, and
/// hooks there are none.
package struct GitView: Sendable {
    let repository: GitRepository
    /// `state/git/view-DEVICE-INODE`.
    package let path: String

    /// What of the common directory is the real one. It need not exist.
    private static let shared = ["objects", "refs", "logs", "packed-refs", "shallow", "info", "worktrees", "reftable"]

    /// - Parameter directory: where views are kept, one for each worktree.
    package init(of repository: GitRepository, in directory: String) throws(SystemError) {
        guard let status = try FileSystem.status(repository.gitDirectory) else {
            throw SystemError("stat", repository.gitDirectory, errno: ENOENT)
        }
        self.repository = repository
        path = FileSystem.join(directory, "view-\(status.st_dev)-\(status.st_ino)")
    }

    /// Makes it, or brings it up to date. Several processes may do so at once.
    ///
    /// - Parameter user: the user's own settings, which matter where a tree is checked out.
    package func prepare(user: GitUserConfiguration, git: String) throws {
        let source = try user.effective(for: repository) { git }
        let text = GitView.configuration(source).text.osBytes
        try FileSystem.makeDirectories(path)
        for name in GitView.shared {
            let target = FileSystem.join(repository.commonDirectory, name)
            let link = FileSystem.join(path, name)
            let now = FileSystem.readLink(link)
            if now == target { continue }
            // Of a repository that is gone, whose inode has come back. Never missing for a moment: another process may be using it.
            let place = now == nil ? link : "\(link).\(getpid())"
            if target.withOSBytes({ target in place.withOSBytes { symlink(target, $0) } }) != 0, errno != EEXIST {
                throw SystemError("symlink", place)
            }
            if place != link { try FileSystem.rename(place, to: link) }
        }
        // A link to a directory that is missing cannot be made into one.
        try FileSystem.makeDirectories(FileSystem.join(repository.commonDirectory, "logs"), mode: 0o755)
        let file = FileSystem.join(path, "config")
        if try FileBytes.contents(file, limit: 1 << 20) != text { try FileSystem.replace(file, with: text) }
    }

    static func configuration(_ source: GitConfiguration) -> GitConfiguration {
        var entries: [GitConfiguration.Entry] = []
        for entry in source.entries {
            let isKept =
                entry.subsection == nil
                ? HardenedGit.keys.contains(entry.key) || HardenedGit.storageKeys.contains(entry.key)
                : entry.section == "remote" && ["promisor", "partialclonefilter"].contains(entry.name)
            guard isKept, !(entry.subsection ?? "").utf8.contains(0x0A) else { continue }
            entries.removeAll { $0.key == entry.key }
            entries.append(entry)
        }
        let isExtended = entries.contains { $0.section == "extensions" }
        entries.append(.init(section: "core", subsection: nil, name: "repositoryformatversion", value: isExtended ? "1" : "0"))
        entries.append(.init(section: "core", subsection: nil, name: "bare", value: "false"))
        return GitConfiguration(entries: entries.sorted { ($0.section, $0.subsection ?? "") < ($1.section, $1.subsection ?? "") })
    }
}
