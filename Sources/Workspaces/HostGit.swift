import CoopErrors
import Glibc
import LinuxKernel
import Synchronization

/// Git on the host, on the user's real repository, run as ``HardenedGit`` says.
///
/// - Of the repository's configuration git reads what ``GitView`` puts down.
/// - Only commands that run nothing from configuration, hooks or attributes are used, and what could is switched off besides.
/// - No command reads the contents of the working tree, so that no filter of a `.gitattributes` can run.
public struct HostGit: Sendable {
    public let repository: GitRepository
    /// The git program.
    public let executable: String
    private let expected: GitRepository.Identity?
    private let view: LazyView
    private let user: GitUserConfiguration

    /// - Parameters:
    ///   - expected: how the repository was when the session started; nil before there is one.
    ///   - views: a directory of coop's own for ``GitView``.
    ///   - user: the user's own settings, where files are checked out or compared.
    package init(
        _ repository: GitRepository, executable: String, expected: GitRepository.Identity? = nil, views: String,
        user: GitUserConfiguration = .none
    ) {
        self.repository = repository
        self.executable = executable
        self.expected = expected
        view = LazyView(directory: views)
        self.user = user
    }

    /// The first `git` of a search path.
    public static func find(path: String) throws -> String {
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let candidate = FileSystem.join(String(directory), "git")
            if FileSystem.isExecutable(candidate) { return candidate }
        }
        throw CoopError(.notReady, "cannot run git", "there is no git in \(path.printable)", next: "sudo apt-get install git")
    }

    /// Extra settings of one call.
    package struct Setting: Sendable {
        /// New objects go here instead of into the repository (GIT_OBJECT_DIRECTORY).
        package var objectDirectory: String?
        /// This index instead of the repository's (GIT_INDEX_FILE).
        package var indexFile: String?
        /// A working tree; where nothing is said about it, one that holds nothing.
        package var workTree: String?
        /// Further settings, `name=value`, of git's own that run nothing (git(1), -c).
        package var options: [String] = []
        package var input: [UInt8] = []
        package var limits = HostProcess.Limits()

        package init(
            objectDirectory: String? = nil, indexFile: String? = nil, workTree: String? = nil, options: [String] = [], input: [UInt8] = [],
            limits: HostProcess.Limits = HostProcess.Limits()
        ) {
            self.objectDirectory = objectDirectory
            self.indexFile = indexFile
            self.workTree = workTree
            self.options = options
            self.input = input
            self.limits = limits
        }
    }

    /// Runs git and returns its standard output, or throws what it complained about.
    package func run(_ arguments: [String], _ setting: Setting = Setting()) throws -> [UInt8] {
        let outcome = try attempt(arguments, setting)
        guard outcome.status.isSuccess else {
            throw CoopError(
                .failed, "git \(arguments.first ?? "")", complaint(outcome), next: "git -C \(repository.workTree.printable) status")
        }
        return outcome.output
    }

    /// Runs git and returns how it ended.
    package func attempt(_ arguments: [String], _ setting: Setting = Setting()) throws -> HostProcess.Outcome {
        try verify()
        return try describing("cannot run git \(arguments.first ?? "")") {
            try HardenedGit(executable: executable).run(arguments, input: setting.input, call(setting))
        }
    }

    /// Starts git with a descriptor as its standard input.
    func start(_ arguments: [String], input: Descriptor?, _ setting: Setting) throws -> HostProcess {
        try verify()
        return try describing("cannot run git \(arguments.first ?? "")") {
            try HardenedGit(executable: executable).start(arguments, input: input, call(setting))
        }
    }

    /// Refuses to go on when the repository is another one, or has gained configuration that could run something.
    package func verify() throws {
        guard let expected else { return }
        let what = "cannot use the git repository of \(repository.workTree.printable)"
        let now = try describing(what) { try repository.identity() }
        guard now.inodes == expected.inodes else {
            throw CoopError(
                .refused, what, "\(repository.gitDirectory.printable) is not the directory it was when the session started",
                next: "git -C \(repository.workTree.printable) status")
        }
        if now.configuration == expected.configuration { return }
        // `git push -u` and `git remote add` change the configuration in everyday work; they must not lose a session's commits.
        for (old, new) in zip(expected.configuration, now.configuration) where old != new {
            guard let before = GitConfiguration.parse(old), let after = GitConfiguration.parse(new) else {
                throw configurationChanged(what, "it cannot be compared with what it was")
            }
            let known = Set(before.entries)
            if let suspicious = after.entries.first(where: { !known.contains($0) && !GitConfigurationPolicy.isHarmless($0) }) {
                throw configurationChanged(what, "\(suspicious.key.printable) is new")
            }
        }
    }

    private func configurationChanged(_ what: String, _ why: String) -> CoopError {
        CoopError(
            .refused, what, "its configuration changed while the session ran: \(why)",
            next: "look at \(FileSystem.join(repository.commonDirectory, "config").printable), then: coop commits import")
    }

    private func call(_ setting: Setting) throws -> HardenedGit.Call {
        var variables = [
            "TZ=UTC", "GIT_COMMITTER_NAME=coop", "GIT_COMMITTER_EMAIL=coop@localhost",
            "GIT_COMMON_DIR=\(try view.path(repository, executable, user))",
        ]
        if let directory = setting.objectDirectory, let own = repository.objectDirectories.first {
            variables.append("GIT_OBJECT_DIRECTORY=\(directory)")
            variables.append("GIT_ALTERNATE_OBJECT_DIRECTORIES=\(HardenedGit.quoted(own))")
        }
        if let index = setting.indexFile { variables.append("GIT_INDEX_FILE=\(index)") }
        return HardenedGit.Call(
            gitDirectory: repository.gitDirectory, workTree: setting.workTree, options: setting.options, variables: variables,
            limits: setting.limits)
    }
}

/// Makes the view of a repository when git is run for the first time: most sessions change nothing.
private final class LazyView: Sendable {
    private let directory: String
    private let made = Mutex<String?>(nil)

    init(directory: String) { self.directory = directory }

    func path(_ repository: GitRepository, _ git: String, _ user: GitUserConfiguration) throws -> String {
        if let path = made.withLock({ $0 }) { return path }
        let view = try GitView(of: repository, in: directory)
        try view.prepare(user: user, git: git)
        made.withLock { $0 = view.path }
        return view.path
    }
}
