import CoopErrors
import Glibc
import LinuxKernel

/// Where the user's own git configuration lies (git-config(1), "FILES"), from the environment of the person who called coop.
public struct GitUserConfiguration: Sendable, Equatable {
    /// Read in this order, later ones win.
    public var files: [String]
    /// `core.excludesFile` when nothing sets it.
    public var defaultExcludes: String?
    /// The home directory, for values that start with `~/`.
    public var home: String?
    /// What git needs to find the same files when the reader has to ask it.
    var environment: [String]

    /// - Parameter environment: the caller's environment variables.
    public init(environment: [String: String]) {
        let home = environment["HOME"]
        var files: [String] = []
        var variables = ["PATH=/usr/bin:/bin", "LC_ALL=C", "GIT_TERMINAL_PROMPT=0"]
        for name in ["HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"] {
            if let value = environment[name] { variables.append("\(name)=\(value)") }
        }
        if let system = environment["GIT_CONFIG_SYSTEM"] {
            files.append(system)
        } else if ["1", "true", "yes", "on"].contains(environment["GIT_CONFIG_NOSYSTEM"]?.lowercased() ?? "") == false {
            files.append("/etc/gitconfig")
        }
        let xdg = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home.map { FileSystem.join($0, ".config") }
        if let global = environment["GIT_CONFIG_GLOBAL"] {
            if !global.isEmpty { files.append(global) }
        } else {
            if let xdg { files.append(FileSystem.join(xdg, "git/config")) }
            if let home { files.append(FileSystem.join(home, ".gitconfig")) }
        }
        self.files = files
        self.home = home
        self.environment = variables
        defaultExcludes = xdg.map { FileSystem.join($0, "git/ignore") }
    }

    /// No configuration but the repository's own.
    public static let none = GitUserConfiguration(environment: ["GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": ""])

    /// Everything that is set for `repository`. Git is asked only when a file holds an include or syntax the reader does not know.
    func effective(for repository: GitRepository, git: () throws -> String) throws -> GitConfiguration {
        try describing("cannot read the git configuration of \(repository.workTree.printable)") {
            var entries: [GitConfiguration.Entry] = []
            var own: GitConfiguration?
            for file in files + [repository.configurationFiles[0]] {
                guard let bytes = try readable(file) else { continue }
                guard let parsed = GitConfiguration.parse(bytes) else { return try asking(git(), repository) }
                entries += parsed.entries
                own = parsed
            }
            if own?.flag("extensions", "worktreeconfig") == true, let bytes = try readable(repository.configurationFiles[1]) {
                guard let parsed = GitConfiguration.parse(bytes) else { return try asking(git(), repository) }
                entries += parsed.entries
            }
            return GitConfiguration(entries: entries)
        }
    }

    /// `git config --list` expands includes and runs nothing.
    private func asking(_ git: String, _ repository: GitRepository) throws -> GitConfiguration {
        let outcome = try HostProcess.run(
            git, ["--git-dir=\(repository.gitDirectory)", "--work-tree=/", "config", "--list", "-z", "--includes"],
            environment: environment, limits: HostProcess.Limits(output: 16 << 20, timeout: 30_000))
        guard outcome.status.isSuccess else {
            throw CoopError(
                .failed, "cannot read the git configuration of \(repository.workTree.printable)", complaint(outcome),
                next: "git -C \(repository.workTree.printable) config --list")
        }
        return GitConfiguration.parseList(outcome.output)
    }

    /// A file's bytes; nil when it is missing, or not for this user (git itself ignores a global file it may not read).
    private func readable(_ file: String) throws(SystemError) -> [UInt8]? {
        do {
            return try FileBytes.contents(file, limit: 16 << 20)
        } catch  where error.errno == EACCES && files.contains(file) {
            return nil
        }
    }

    /// A path value of git's configuration, `~/` expanded; nil when it is not absolute afterwards.
    func path(_ value: String) -> String? {
        if value.hasPrefix("~/") { return home.map { FileSystem.join($0, String(value.dropFirst(2))) } }
        return value.hasPrefix("/") ? value : nil
    }
}
