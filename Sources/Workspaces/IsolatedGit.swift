import CoopErrors
import Glibc
import LinuxKernel

/// Git that works on a repository's objects without obeying the repository: its git directory is a new one of coop's own.
///
/// - The configuration is written by coop from the keys that ``HardenedGit`` lists, and nothing else is read: no merge driver, filter, hook,
///   textconv, signer or file monitor exists for it, whatever a `.gitattributes` asks for.
/// - The repository's objects are an alternate; new ones go to this directory, until ``store(_:)`` puts them into the repository.
/// - No reference and no file of a working tree is reached but those that a call names.
package struct IsolatedGit: Sendable {
    package let repository: GitRepository
    /// Everything lies in here; whoever made it removes it.
    package let directory: String
    /// The hash of the repository's objects.
    package let format: ObjectFormat
    private let executable: String
    private let variables: [String]
    private let options: [String]

    /// How a call ended.
    package struct Answer: Sendable {
        /// The exit status; nil after a signal.
        package var status: Int32?
        package var output: [UInt8]
        /// What it complained about, in one line.
        package var complaint: String
    }

    /// What one call uses besides the objects.
    package struct Setting: Sendable {
        /// An index; without it there is none.
        package var index: String?
        /// A working tree; without it one that holds nothing but what was put into ``emptyTree``.
        package var workTree: String?
        package var input: [UInt8]
        /// Bytes kept of its output.
        package var output: Int

        package init(index: String? = nil, workTree: String? = nil, input: [UInt8] = [], output: Int = 1 << 30) {
            self.index = index
            self.workTree = workTree
            self.input = input
            self.output = output
        }
    }

    /// - Parameters:
    ///   - directory: a new directory of coop's own.
    ///   - head: the commit that HEAD is; nil for a branch without commits.
    ///   - user: where the user's configuration lies, for identity and the way merges are made.
    ///   - environment: the caller's environment: who commits, and in which time zone (git(1), "Git Commits").
    package init(
        _ repository: GitRepository, in directory: String, head: ObjectID?, user: GitUserConfiguration, executable: String,
        environment: [String: String]
    ) throws {
        self.repository = repository
        self.directory = directory
        self.executable = executable
        let source = try user.effective(for: repository) { executable }
        format = source.value("extensions", "objectformat").flatMap { ObjectFormat(rawValue: $0.lowercased()) } ?? .sha1
        variables = IsolatedGit.identity.compactMap { name in environment[name].map { "\(name)=\($0)" } }
        // Attributes that the user gives every repository are data.
        let attributes = source.value("core", "attributesfile").flatMap(user.path) ?? user.defaultExcludes.map(IsolatedGit.attributes)
        options = attributes.map { ["core.attributesFile=\($0)"] } ?? []
        let git = FileSystem.join(directory, "git")
        let configuration = IsolatedGit.configuration(source, format)
        try describing("cannot prepare a git directory") {
            for name in ["git/objects/info", "git/objects/pack", "git/refs", "git/info", "tree"] {
                try FileSystem.makeDirectories(FileSystem.join(directory, name))
            }
            let head = head.map(\.hex) ?? "ref: refs/heads/none"
            try writeFile(FileSystem.join(git, "HEAD"), Array((head + "\n").utf8))
            try writeFile(FileSystem.join(git, "config"), configuration.text.osBytes)
            let own = repository.objectDirectories.first ?? FileSystem.join(repository.commonDirectory, "objects")
            try writeFile(FileSystem.join(git, "objects/info/alternates"), (HardenedGit.quoted(own) + "\n").osBytes)
            // What these say is data: which history is cut off, which patterns are sparse, which attributes the user gives.
            for (name, from) in [
                ("shallow", repository.commonDirectory), ("info/attributes", repository.commonDirectory),
                ("info/sparse-checkout", repository.gitDirectory),
            ] {
                if let bytes = try FileBytes.contents(FileSystem.join(from, name)) { try writeFile(FileSystem.join(git, name), bytes) }
            }
        }
    }

    /// The git directory.
    package var gitDirectory: String { FileSystem.join(directory, "git") }
    /// The working tree of a call that names none.
    package var emptyTree: String { FileSystem.join(directory, "tree") }

    /// The name of the tree without entries, which every repository has.
    package var emptyTreeID: ObjectID {
        let hex =
            format == .sha1
            ? "4b825dc642cb6eb9a060e54bf8d69288fbee4904" : "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        return ObjectID(wellFormed: hex)
    }

    /// Runs git and returns its standard output, or throws what it complained about.
    package func run(_ arguments: [String], _ setting: Setting = Setting()) throws -> [UInt8] {
        let answer = try attempt(arguments, setting)
        guard answer.status == 0 else {
            throw CoopError(
                .failed, "git \(arguments.first ?? "")", answer.complaint, next: "git -C \(repository.workTree.printable) status")
        }
        return answer.output
    }

    /// The first line of what git printed.
    package func line(_ arguments: [String], _ setting: Setting = Setting()) throws -> String {
        String(osBytes: try run(arguments, setting).prefix { $0 != UInt8(ascii: "\n") })
    }

    /// The object that git's first line of output names.
    package func object(_ arguments: [String], _ setting: Setting = Setting()) throws -> ObjectID {
        let text = try line(arguments, setting)
        guard let id = ObjectID(text) else {
            throw CoopError(
                .failed, "git \(arguments.first ?? "")", "its answer was not understood: \(text.printable)",
                next: "git -C \(repository.workTree.printable) status")
        }
        return id
    }

    /// Runs git and returns how it ended.
    package func attempt(_ arguments: [String], _ setting: Setting = Setting()) throws -> Answer {
        let workTree = setting.workTree ?? emptyTree
        var environment = variables
        if let index = setting.index { environment.append("GIT_INDEX_FILE=\(index)") }
        return try describing("cannot run git \(arguments.first ?? "")") {
            // Some commands look for attributes in the directory where they are started.
            let outcome = try HardenedGit(executable: executable).run(
                arguments, input: setting.input,
                HardenedGit.Call(
                    gitDirectory: gitDirectory, workTree: workTree, options: options, variables: environment, directory: workTree,
                    limits: HostProcess.Limits(output: setting.output)))
            let status: Int32? = if case .exited(let code) = outcome.status { code } else { nil }
            return Answer(
                status: status, output: outcome.output, complaint: Workspaces.complaint(outcome))
        }
    }

    /// Puts a commit and whatever it needs that the repository lacks into the repository; written to the disk when this returns.
    package func store(_ commit: ObjectID, known: [ObjectID], in git: HostGit) throws {
        let revisions = [commit.hex + "\n"] + known.map { "^\($0.hex)\n" }
        let pack = try run(
            ["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"], Setting(input: Array(revisions.joined().utf8)))
        _ = try git.run(["-c", "core.fsync=all", "unpack-objects", "-q"], HostGit.Setting(input: pack))
    }

    // MARK: - Its configuration and environment

    private static func configuration(
        _ source: GitConfiguration, _ format: ObjectFormat
    ) -> GitConfiguration {
        func entry(_ section: String, _ name: String, _ value: String) -> GitConfiguration.Entry {
            GitConfiguration.Entry(section: section, subsection: nil, name: name, value: value)
        }
        var entries = source.entries.filter { $0.subsection == nil && HardenedGit.keys.contains($0.key) }
        if format == .sha256 { entries.append(entry("extensions", "objectformat", "sha256")) }
        entries += [
            entry("core", "repositoryformatversion", format == .sha256 ? "1" : "0"), entry("core", "bare", "false"),
            entry("core", "protecthfs", "true"), entry("core", "protectntfs", "true"), entry("core", "fsync", "none"),
            entry("core", "logallrefupdates", "false"),
        ]
        return GitConfiguration(entries: entries)
    }

    /// `attributes` beside `ignore` in git's configuration directory (gitattributes(5)).
    private static func attributes(beside ignore: String) -> String { FileSystem.join(FileSystem.parent(of: ignore), "attributes") }

    private static let identity = [
        "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE",
        "EMAIL",
        "TZ",
    ]
}
