import LinuxKernel

/// The directory that a sandbox works on.
public struct Project: Sendable, Equatable {
    /// What made this directory the project.
    public enum Evidence: Sendable, Equatable {
        /// It holds a `coop.toml`.
        case configurationFile
        /// It holds `.git`: the top level of a git work tree.
        case gitTopLevel
        /// Neither was found: the directory the user stands in.
        case currentDirectory
    }

    /// The root, with every link resolved: the project's identity.
    public var root: String
    /// The root as the user sees it: the same directory, by the way the user came (`$PWD`).
    public var shownRoot: String
    /// The directory the user stands in, with every link resolved; the root or below it.
    public var currentDirectory: String
    public var evidence: Evidence

    public init(root: String, shownRoot: String, currentDirectory: String, evidence: Evidence) {
        self.root = root
        self.shownRoot = shownRoot
        self.currentDirectory = currentDirectory
        self.evidence = evidence
    }

    /// A project by its root alone, which need not exist any more.
    public init(at root: String) {
        self.init(root: root, shownRoot: root, currentDirectory: root, evidence: .currentDirectory)
    }

    /// The key of everything coop keeps for it.
    public var key: ProjectKey { ProjectKey(path: root) }
    /// The committed configuration file.
    public var configurationFile: String { FileSystem.join(root, "coop.toml") }
    /// The configuration file that is not committed.
    public var localConfigurationFile: String { FileSystem.join(root, "coop.local.toml") }
}
