import CoopErrors
import Glibc
import LinuxKernel

/// Makes the git directory that a sandbox works in, in place of the user's own.
///
/// It is complete for git — configuration, references, index, an operation in progress — but has its own object store; the
/// user's objects are named as alternates and mounted read-only. Nothing written into it is ever read by git on the host:
/// ``CommitImport`` takes commits over as a pack that git makes inside.
public enum PrivateGitDirectory {
    /// The paths that the parts have inside.
    public struct Inside: Sendable {
        /// The repository's own objects.
        public var objects = "/run/coop/git/objects"
        /// The parent of further object directories, numbered.
        public var alternates = "/run/coop/git/alternates"
        /// The private directory, where `.git` is a file and cannot be mounted over by a directory.
        public var directory = "/run/coop/git/directory"

        public init() {}
    }

    /// Prepares the private directory of one session.
    ///
    /// - Parameters:
    ///   - repository: from ``GitRepository/find(at:)``.
    ///   - directory: where to make it; must not exist. A few files are made beside it, with its name as their beginning.
    ///   - user: the user's configuration.
    ///   - git: finds the git program, called only when the repository holds something unusual.
    public static func prepare(
        _ repository: GitRepository, at directory: String, inside: Inside = Inside(), user: GitUserConfiguration,
        git: () throws -> String
    ) throws -> PrivateGit {
        let what = "cannot prepare a private git directory for \(repository.workTree.printable)"
        return try describing(what) {
            let identity = try repository.identity()
            if identity.configuration.contains(where: { $0.contains(0) }) {
                throw CoopError(
                    .failed, what, "\(repository.configurationFiles[0].printable) holds a NUL byte",
                    next: "git -C \(repository.workTree.printable) config --list")
            }
            let configuration = try user.effective(for: repository, git: git)
            let format = ObjectFormat(rawValue: configuration.value("extensions", "objectformat")?.lowercased() ?? "sha1")
            guard let format else {
                throw CoopError(
                    .failed, what, "the repository has an unknown object format",
                    next: "git -C \(repository.workTree.printable) config --list")
            }
            let snapshot: RefSnapshot
            let usesFiles = configuration.value("extensions", "refstorage").map { $0.lowercased() == "files" } ?? true
            if usesFiles, let read = try RefSnapshot.read(repository) {
                snapshot = read
            } else {
                snapshot = try RefSnapshot.read(asking: HostGit(repository, executable: try git(), views: directory + ".views"))
            }

            for part in ["", "/hooks", "/info", "/objects", "/objects/info", "/objects/pack", "/refs", "/refs/heads", "/refs/tags"] {
                try makeDirectory(directory + part)
            }
            let text = privateConfiguration(configuration, format).text
            try writeFile(directory + "/config", text.osBytes)
            try writeReferences(snapshot, in: directory)
            try copyInfo(repository, configuration, user, to: directory)
            let index = try copyState(of: repository, to: directory)
            let stashLog = try FileBytes.contents(repository.commonDirectory + "/logs/refs/stash", limit: 4 << 20) ?? []
            if !stashLog.isEmpty {
                // `git stash list` reads the log, not the reference.
                try FileSystem.makeDirectories(directory + "/logs/refs", mode: 0o755)
                try writeFile(directory + "/logs/refs/stash", stashLog)
            }

            var mounts: [PrivateGit.Mount] = []
            var gitFile: String?
            switch repository.link {
            case .directory:
                mounts.append(.init(source: directory, target: FileSystem.join(repository.workTree, ".git"), readOnly: false))
            case .file:
                let file = directory + ".file"
                try writeFile(file, "gitdir: \(inside.directory)\n".osBytes)
                mounts.append(.init(source: directory, target: inside.directory, readOnly: false))
                mounts.append(.init(source: file, target: FileSystem.join(repository.workTree, ".git"), readOnly: true))
                gitFile = file
            }
            mounts += try objectMounts(repository, directory, inside)
            mounts += try submodules(of: repository, in: directory, user: user, git: git)
            return PrivateGit(
                repository: repository, directory: directory, mounts: mounts, gitFile: gitFile, start: snapshot, objectFormat: format,
                ignoresCase: configuration.flag("core", "ignorecase") ?? false,
                trustedPaths: trustedPaths(configuration, repository, user), index: index, identity: identity, stashLog: stashLog)
        }
    }

    private static func makeDirectory(_ path: String) throws(SystemError) {
        if path.withOSBytes({ mkdir($0, 0o755) }) != 0 { throw SystemError("mkdir", path) }
    }

    // MARK: - Configuration

    private static func privateConfiguration(_ source: GitConfiguration, _ format: ObjectFormat) -> GitConfiguration {
        var entries = GitConfigurationPolicy.allowed(source)
        let hasExtensions = entries.contains { $0.section == "extensions" }
        entries.append(.init(section: "core", subsection: nil, name: "repositoryformatversion", value: hasExtensions ? "1" : "0"))
        entries.append(.init(section: "core", subsection: nil, name: "bare", value: "false"))
        // The user's signing key is not inside; a commit must not fail for want of it.
        entries.append(.init(section: "commit", subsection: nil, name: "gpgsign", value: "false"))
        entries.append(.init(section: "tag", subsection: nil, name: "gpgsign", value: "false"))
        return GitConfiguration(entries: entries)
    }

    /// Files in the working tree that the host's git reads or runs because its configuration says so, relative to it.
    public static func trustedPaths(
        of repository: GitRepository, user: GitUserConfiguration, git: () throws -> String
    ) throws -> [String] {
        trustedPaths(try user.effective(for: repository, git: git), repository, user)
    }

    private static func trustedPaths(
        _ configuration: GitConfiguration, _ repository: GitRepository, _ user: GitUserConfiguration
    ) -> [String] {
        var result: [String] = []
        func add(_ value: String?, relativeTo base: String) {
            guard let value, !value.isEmpty else { return }
            let path = FileSystem.normalize(user.path(value) ?? FileSystem.join(base, value))
            guard let relative = FileSystem.relative(path, to: repository.workTree), !relative.isEmpty else { return }
            if relative != ".git", !relative.hasPrefix(".git/"), !result.contains(relative) { result.append(relative) }
        }
        for entry in configuration.entries {
            switch (entry.section, entry.name) {
            case ("core", "hookspath"), ("core", "attributesfile"), ("core", "excludesfile"), ("commit", "template"):
                add(entry.value, relativeTo: repository.workTree)
            case ("include", "path"), ("includeif", "path"):
                add(entry.value, relativeTo: repository.commonDirectory)
            case ("core", "fsmonitor"), ("core", "sshcommand"), ("core", "editor"), ("core", "pager"), ("core", "gitproxy"),
                ("diff", "external"), ("diff", "command"), ("diff", "textconv"), ("filter", "clean"), ("filter", "smudge"),
                ("filter", "process"), ("merge", "driver"), ("credential", "helper"), ("gpg", "program"), ("mergetool", "cmd"),
                ("difftool", "cmd"), ("sequence", "editor"):
                // A command: its words that name something in the working tree.
                for word in (entry.value ?? "").split(whereSeparator: { " \t'\"!;|&".contains($0) }) where word.contains("/") {
                    add(String(word), relativeTo: repository.workTree)
                }
            default: break
            }
        }
        return result
    }

    // MARK: - References and state

    private static func writeReferences(_ snapshot: RefSnapshot, in directory: String) throws(SystemError) {
        try writeFile(directory + "/HEAD", headText(snapshot.head))
        try writeFile(directory + "/packed-refs", snapshot.packedText)
        for (name, target) in snapshot.symbolic where RefName.isValid(name) {
            try FileSystem.makeDirectories(FileSystem.parent(of: FileSystem.join(directory, name)), mode: 0o755)
            try writeFile(FileSystem.join(directory, name), "ref: \(target)\n".osBytes)
        }
    }

    static func headText(_ head: RefSnapshot.Head) -> [UInt8] {
        switch head {
        case .branch(let name): "ref: \(name)\n".osBytes
        case .detached(let id): Array("\(id.hex)\n".utf8)
        }
    }

    private static func copyInfo(
        _ repository: GitRepository, _ configuration: GitConfiguration, _ user: GitUserConfiguration, to directory: String
    ) throws(SystemError) {
        // The user's global ignore file has the lowest precedence, so its lines go first.
        let globalExcludes = configuration.value("core", "excludesfile").flatMap(user.path) ?? user.defaultExcludes
        var excludes: [UInt8] = []
        if let globalExcludes, FileSystem.kind(globalExcludes) == .file, globalExcludes.withOSBytes({ access($0, R_OK) }) == 0 {
            excludes = try FileBytes.contents(globalExcludes, limit: 4 << 20) ?? []
            if let last = excludes.last, last != 0x0A { excludes.append(0x0A) }
        }
        excludes += try FileBytes.contents(repository.commonDirectory + "/info/exclude", limit: 4 << 20) ?? []
        try writeFile(directory + "/info/exclude", excludes)
        for name in ["info/attributes", "info/grafts"] {
            if let bytes = try FileBytes.contents(FileSystem.join(repository.commonDirectory, name)) {
                try writeFile(FileSystem.join(directory, name), bytes)
            }
        }
        if let bytes = try FileBytes.contents(repository.gitDirectory + "/info/sparse-checkout") {
            try writeFile(directory + "/info/sparse-checkout", bytes)
        }
        if let bytes = try FileBytes.contents(repository.commonDirectory + "/shallow") {
            try writeFile(directory + "/shallow", bytes)
        }
    }

    /// Files that say that an operation is in progress, so that `git status` says the same inside.
    static let stateFiles: Set<String> = [
        "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "AUTO_MERGE", "SQUASH_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD",
        "REBASE_HEAD", "ORIG_HEAD", "BISECT_LOG", "BISECT_TERMS", "BISECT_START", "BISECT_NAMES", "BISECT_EXPECTED_REV",
        "BISECT_ANCESTORS_OK", "BISECT_FIRST_PARENT",
    ]
    static let stateDirectories: Set<String> = ["rebase-merge", "rebase-apply", "sequencer"]

    /// Copies the index and the state of an operation; returns the index as it was.
    private static func copyState(of repository: GitRepository, to directory: String) throws(SystemError) -> Fingerprint? {
        var index: Fingerprint?
        for entry in try FileSystem.entries(repository.gitDirectory) {
            let source = FileSystem.join(repository.gitDirectory, entry.name)
            let target = FileSystem.join(directory, entry.name)
            switch entry.kind {
            case .file where entry.name == "index":
                guard let bytes = try FileBytes.contents(source, limit: 2 << 30) else { continue }
                index = Fingerprint(bytes)
                try writeFile(target, bytes)
                // Git distrusts entries as young as the index itself: the copy must not look older or newer than the original.
                try copyTimes(from: source, to: target)
            case .file where entry.name.hasPrefix("sharedindex."), .file where stateFiles.contains(entry.name):
                guard let bytes = try FileBytes.contents(source, limit: 2 << 30) else { continue }
                try writeFile(target, bytes)
                if entry.name.hasPrefix("sharedindex.") { try copyTimes(from: source, to: target) }
            case .directory where stateDirectories.contains(entry.name):
                try copyTree(source, target, depth: 0)
            case .directory where entry.name == "refs":
                for name in ["bisect", "worktree", "rewritten"] where FileSystem.kind(FileSystem.join(source, name)) == .directory {
                    try copyTree(FileSystem.join(source, name), FileSystem.join(target, name), depth: 0)
                }
            default: continue
            }
        }
        return index
    }

    private static func copyTimes(from source: String, to target: String) throws(SystemError) {
        guard let status = try FileSystem.status(source) else { return }
        let times = [status.st_atim, status.st_mtim]
        if target.withOSBytes({ utimensat(AT_FDCWD, $0, times, 0) }) != 0 { throw SystemError("utimensat", target) }
    }

    private static func copyTree(_ source: String, _ target: String, depth: Int) throws(SystemError) {
        try makeDirectory(target)
        for entry in try FileSystem.entries(source) {
            let from = FileSystem.join(source, entry.name)
            if entry.kind == .directory, depth < 8 {
                try copyTree(from, FileSystem.join(target, entry.name), depth: depth + 1)
            } else if entry.kind == .file, let bytes = try FileBytes.contents(from) {
                try writeFile(FileSystem.join(target, entry.name), bytes)
            }
        }
    }

    // MARK: - Objects

    private static func objectMounts(
        _ repository: GitRepository, _ directory: String, _ inside: Inside
    ) throws(SystemError) -> [PrivateGit.Mount] {
        var mounts: [PrivateGit.Mount] = []
        var lines: [String] = []
        let empty = directory + ".empty"
        for (number, source) in repository.objectDirectories.enumerated() {
            let target = number == 0 ? inside.objects : FileSystem.join(inside.alternates, String(number))
            mounts.append(.init(source: source, target: target, readOnly: true))
            lines.append(target)
            // This store's own list of alternates names host paths, which do not exist inside, and git would complain about each.
            if FileSystem.kind(FileSystem.join(source, "info/alternates"), followLinks: false) == .file {
                mounts.append(.init(source: empty, target: FileSystem.join(target, "info/alternates"), readOnly: true))
            }
        }
        try writeFile(empty, [])
        try writeFile(directory + "/objects/info/alternates", lines.map { $0 + "\n" }.joined().osBytes)
        return mounts
    }
}
