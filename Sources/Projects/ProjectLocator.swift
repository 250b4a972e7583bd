import CoopErrors
import Glibc
import LinuxKernel

/// Finds the project that a directory belongs to, by looking at files only: no git is run on a repository that nobody has
/// vouched for yet.
public struct ProjectLocator: Sendable {
    private let home: CoopHome

    public init(home: CoopHome) { self.home = home }

    /// The project of `directory`: the nearest directory upward with a `coop.toml`, else the top level of the git work tree,
    /// else the directory itself.
    ///
    /// - Parameters:
    ///   - directory: where the user stands.
    ///   - shown: the same directory as the user sees it (`$PWD`); ignored when it is another directory.
    /// - Throws: `CoopError` when the root would be the home directory or above it, `/`, or `$COOP_HOME` or inside it; when
    ///   the repository is bare or the directory lies in a `.git`; when the evidence belongs to another user.
    public func project(at directory: String, shown: String? = nil) throws(CoopError) -> Project {
        guard let current = FileSystem.realPath(directory), FileSystem.kind(current) == .directory else {
            throw CoopError(.notFound, "cannot find the project", "\(directory.printable) is not a directory", next: "cd DIRECTORY")
        }
        let shownCurrent = shown.flatMap { path in
            path.hasPrefix("/") && FileSystem.realPath(path) == current ? FileSystem.normalize(path) : nil
        }
        var configured: String?
        var gitTop: String?
        var level = current
        while isSearched(level) {
            if gitTop == nil {
                try refuseGitDirectory(level)
                if FileSystem.kind(FileSystem.join(level, ".git"), followLinks: false) != nil { gitTop = level }
            }
            // A link counts: what it may point at is decided when it is read.
            if FileSystem.kind(FileSystem.join(level, "coop.toml"), followLinks: false) != nil {
                configured = level
                break
            }
            level = FileSystem.parent(of: level)
        }
        let root = configured ?? gitTop ?? current
        try refuseForbidden(root)
        if configured != nil {
            try refuseForeign(FileSystem.join(root, "coop.toml"))
        } else if gitTop != nil {
            try refuseForeign(FileSystem.join(root, ".git"))
            try refuseWithoutWorkTree(root)
        }
        return Project(
            root: root, shownRoot: shownRoot(root, current: current, shown: shownCurrent), currentDirectory: current,
            evidence: configured != nil ? .configurationFile : gitTop != nil ? .gitTopLevel : .currentDirectory)
    }

    /// The search ends below the home directory: a `coop.toml` or `.git` in the home directory itself would make all of it
    /// the workspace.
    private func isSearched(_ level: String) -> Bool {
        level != "/" && !FileSystem.contains(level, home.userHome)
    }

    /// The root as the user came to it, when the way there has the same number of steps below it.
    private func shownRoot(_ root: String, current: String, shown: String?) -> String {
        guard var candidate = shown else { return root }
        var level = current
        while level != root, level != "/" {
            level = FileSystem.parent(of: level)
            candidate = FileSystem.parent(of: candidate)
        }
        return FileSystem.realPath(candidate) == root ? candidate : root
    }

    private func refuseForbidden(_ root: String) throws(CoopError) {
        let next = "cd to a project's directory, or work without one: coop run --workspace none -- …"
        let what = "cannot use \(root.printable) as a workspace"
        if root == "/" { throw CoopError(.refused, what, "it is the root of the file system", next: next) }
        if root == home.userHome { throw CoopError(.refused, what, "it is your home directory, with everything you own", next: next) }
        if FileSystem.contains(root, home.userHome) {
            throw CoopError(.refused, what, "your home directory lies inside it", next: next)
        }
        if let parts = FileSystem.relative(root, to: home.directory(.projects)).map(FileSystem.components), parts.count > 3,
            parts[1] == CoopHome.ProjectArea.tasks.rawValue
        {
            throw CoopError(
                .refused, what, "it is the tree of the task \(parts[2].printable)",
                next: "cd to the project itself, then: coop run --task \(parts[2].printable) -- …")
        }
        if FileSystem.contains(home.path, root) {
            throw CoopError(.refused, what, "it is where coop keeps its own secrets and logs", next: next)
        }
        if FileSystem.contains(root, home.path) {
            throw CoopError(.refused, what, "\(home.path.printable), where coop keeps its secrets and logs, lies inside it", next: next)
        }
    }

    /// In a directory such as /tmp, anybody can put a file that would make all of it the workspace.
    private func refuseForeign(_ path: String) throws(CoopError) {
        let me = geteuid()
        let found: stat?
        do {
            found = try FileSystem.status(path, followLinks: false)
        } catch {
            throw CoopError(.failed, "cannot look at \(path.printable)", error.reason, next: "ls -ld \(path.shellQuoted)")
        }
        guard let found, me != 0, found.st_uid != me, found.st_uid != 0 else { return }
        throw CoopError(
            .refused, "cannot use \(FileSystem.parent(of: path).printable) as a workspace",
            "\(path.printable) belongs to another user (\(found.st_uid))",
            next: "chown it, or make the project's own: touch coop.toml in the directory that you mean")
    }

    // MARK: Git

    /// A directory with HEAD, objects and refs is a git directory (gitrepository-layout(5)): a bare repository, or a `.git`.
    private func refuseGitDirectory(_ path: String) throws(CoopError) {
        guard FileSystem.kind(FileSystem.join(path, "HEAD"), followLinks: false) != nil,
            FileSystem.kind(FileSystem.join(path, "objects")) == .directory,
            FileSystem.kind(FileSystem.join(path, "refs")) == .directory
        else { return }
        if FileSystem.lastComponent(of: path) == ".git" {
            let top = FileSystem.parent(of: path)
            throw CoopError(
                .refused, "cannot use this directory as a workspace", "it lies in git's own directory \(path.printable)",
                next: "cd \(top.shellQuoted)")
        }
        throw bareRepository(path)
    }

    /// A `.git` whose repository is bare has no work tree here, only linked ones elsewhere.
    private func refuseWithoutWorkTree(_ root: String) throws(CoopError) {
        let entry = FileSystem.join(root, ".git")
        var gitDirectory = entry
        if FileSystem.kind(entry) == .file {
            guard let pointer = firstLine(entry), pointer.hasPrefix("gitdir: ") else { return }
            gitDirectory = FileSystem.join(root, String(pointer.dropFirst(8)))
        }
        // A linked work tree has a `commondir`; it is a work tree, whatever its repository is.
        if FileSystem.kind(FileSystem.join(gitDirectory, "commondir")) != nil { return }
        // What cannot be read says nothing here; whoever uses the repository fails on it, and says so.
        guard let text = try? FileSystem.readPlain(FileSystem.join(gitDirectory, "config"), limit: 1 << 20) else { return }
        let isBare = text.split(separator: UInt8(ascii: "\n")).contains { line in
            String(decoding: line.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }, as: UTF8.self).lowercased() == "bare=true"
        }
        if isBare { throw bareRepository(gitDirectory) }
    }

    private func bareRepository(_ path: String) -> CoopError {
        let trees = workTrees(of: path)
        var list = trees.prefix(20).map { "\n  \($0.path.printable)  (\($0.branch?.printable ?? "no branch"))" }.joined()
        if trees.count > 20 { list += "\n  and \(trees.count - 20) more" }
        let shown = FileSystem.normalize(path)
        guard let first = trees.first else {
            return CoopError(
                .refused, "cannot use this directory as a workspace", "\(shown.printable) is a bare git repository without work trees",
                next: "git -C \(shown.shellQuoted) worktree add ../work")
        }
        return CoopError(
            .refused, "cannot use this directory as a workspace",
            "\(shown.printable) is a bare git repository; its work trees are:\(list)", next: "cd \(first.path.shellQuoted)")
    }

    /// The linked work trees of a repository, sorted, with the branch that is checked out, if one is: each has a directory whose `gitdir`
    /// names its `.git` file, and a `HEAD` of its own.
    func workTrees(of gitDirectory: String) -> [(path: String, branch: String?)] {
        let directory = FileSystem.join(gitDirectory, "worktrees")
        // No `worktrees` directory means no linked work tree.
        guard let names = try? FileSystem.list(directory) else { return [] }
        return names.compactMap { name in
            let entry = FileSystem.join(directory, name)
            guard let pointer = firstLine(FileSystem.join(entry, "gitdir")), !pointer.isEmpty else { return nil }
            let path = FileSystem.normalize(FileSystem.join(entry, pointer))
            let head = firstLine(FileSystem.join(entry, "HEAD")) ?? ""
            let branch = head.hasPrefix("ref: refs/heads/") ? String(head.dropFirst("ref: refs/heads/".utf8.count)) : nil
            return (FileSystem.lastComponent(of: path) == ".git" ? FileSystem.parent(of: path) : path, branch)
        }.sorted { $0.path < $1.path }
    }

    /// The first line of a small file; nil when there is none or it cannot be read.
    private func firstLine(_ path: String) -> String? {
        guard FileSystem.kind(path) == .file, let bytes = try? FileSystem.readPlain(path, limit: 1 << 16) else { return nil }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).first.map {
            String(osBytes: $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0)
        }
    }
}
