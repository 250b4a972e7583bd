import LinuxKernel

/// What of the settings of one worktree a further worktree of the same repository gets, as with `git worktree add`.
package struct GitWorktreeSettings {
    /// Whether references are files, and not tables.
    package let usesFiles: Bool
    /// Whether only a part of the tree is checked out.
    package let isSparse: Bool
    /// A `config.worktree`, where the repository keeps such (git-worktree(1), extensions.worktreeConfig): listed keys alone.
    package let worktreeConfiguration: [UInt8]?

    package init(of repository: GitRepository, user: GitUserConfiguration, git: String) throws {
        let all = try user.effective(for: repository) { git }
        usesFiles = all.value("extensions", "refstorage").map { $0.lowercased() == "files" } ?? true
        isSparse = all.flag("core", "sparsecheckout") ?? false
        guard all.flag("extensions", "worktreeconfig") ?? false,
            let bytes = try FileBytes.contents(repository.configurationFiles[1], limit: 1 << 20),
            let own = GitConfiguration.parse(bytes)
        else {
            worktreeConfiguration = nil
            return
        }
        let kept = own.entries.filter {
            $0.subsection == nil && $0.section != "extensions"
                && (HardenedGit.keys.contains($0.key) || HardenedGit.storageKeys.contains($0.key))
        }
        worktreeConfiguration = GitConfiguration(entries: kept).text.osBytes
    }
}

extension GitRepository {
    /// Whether names that differ only in case are one on its file system (core.ignorecase).
    package var ignoresCase: Bool {
        guard let bytes = try? FileBytes.contents(configurationFiles[0]), let parsed = GitConfiguration.parse(bytes) else { return false }
        return parsed.flag("core", "ignorecase") ?? false
    }
}
