import LinuxKernel

/// A working tree of a repository, and the branch that is checked out in it.
package struct Checkout: Sendable {
    /// The repository as that working tree has it.
    package var repository: GitRepository
    /// Nil for a detached HEAD.
    package var branch: String?
    /// Whether an operation of git's that goes on over several commands works on the branch: it must not be moved.
    package var isBusy: Bool

    /// All working trees of a repository, the main one first. Only git's own directory is read, no `.git` file of a tree: what is in a tree may
    /// have been written by a sandbox.
    package static func all(of repository: GitRepository) throws(SystemError) -> [Checkout] {
        let common = repository.commonDirectory
        var result: [Checkout] = []
        func add(_ gitDirectory: String, _ tree: String?, isMain: Bool) throws(SystemError) {
            let tree = gitDirectory == repository.gitDirectory ? repository.workTree : tree
            guard let tree, let bytes = try FileBytes.contents(FileSystem.join(gitDirectory, "HEAD"), limit: 4096) else { return }
            let known = GitRepository(
                workTree: tree, link: isMain ? .directory : .file, gitDirectory: gitDirectory, commonDirectory: common,
                objectDirectories: repository.objectDirectories)
            var checkout = Checkout(repository: known, branch: nil, isBusy: false)
            if case .branch(let name)? = RefSnapshot.parseHead(bytes) { checkout.branch = name }
            for file in ["rebase-merge/head-name", "rebase-apply/head-name"] {
                guard let name = try FileBytes.contents(FileSystem.join(gitDirectory, file), limit: 4096) else { continue }
                checkout.branch = String(osBytes: name.prefix { $0 != UInt8(ascii: "\n") })
                checkout.isBusy = true
            }
            for file in ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"]
            where try FileSystem.kindIfPresent(FileSystem.join(gitDirectory, file), followLinks: false) != nil {
                checkout.isBusy = true
            }
            result.append(checkout)
        }
        try add(common, try mainTree(of: common), isMain: true)
        let worktrees = FileSystem.join(common, "worktrees")
        guard try FileSystem.kindIfPresent(worktrees) == .directory else { return result }
        for entry in try FileSystem.entries(worktrees).sorted(by: { $0.name < $1.name }) where entry.kind == .directory {
            let directory = FileSystem.join(worktrees, entry.name)
            // The path of the tree's `.git` file (gitrepository-layout(5), `worktrees/<id>/gitdir`).
            guard let bytes = try FileBytes.contents(FileSystem.join(directory, "gitdir"), limit: 1 << 16) else { continue }
            let file = FileSystem.join(directory, String(osBytes: bytes.prefix { $0 != UInt8(ascii: "\n") }))
            try add(directory, FileSystem.parent(of: FileSystem.normalize(file)), isMain: false)
        }
        return result
    }

    /// The main working tree; nil when the repository is bare.
    private static func mainTree(of common: String) throws(SystemError) -> String? {
        let configuration = try FileBytes.contents(FileSystem.join(common, "config")).flatMap(GitConfiguration.parse)
        if configuration?.flag("core", "bare") == true { return nil }
        if let named = configuration?.value("core", "worktree") { return FileSystem.normalize(FileSystem.join(common, named)) }
        return FileSystem.lastComponent(of: common) == ".git" ? FileSystem.parent(of: common) : nil
    }
}
