import LinuxKernel

/// Something in a workspace that a program of the host could trust, run or connect to.
public struct ScanFinding: Sendable, Equatable {
    /// What it is.
    public enum Kind: String, Sendable, CaseIterable {
        /// A directory `.git`.
        case gitDirectory
        /// A file `.git`, which names a git directory elsewhere.
        case gitFile
        /// A link `.git`.
        case gitLink
        /// A directory of another name that git takes for a repository: HEAD with objects and refs, or with commondir.
        case bareRepository
        case unixSocket
        /// A program that runs with its owner's or group's rights.
        case setuid
        case device
        /// A regular file with a further name, perhaps in a store that other projects share.
        case hardLink
        /// A symbolic link that leads out of the workspace.
        case leavingLink
        /// A directory that could not be looked into.
        case unreadable

        /// Whether git on the host would obey what it finds there.
        public var isRepository: Bool {
            switch self {
            case .gitDirectory, .gitFile, .gitLink, .bareRepository: true
            default: false
            }
        }
    }

    public var kind: Kind
    /// Relative to the workspace.
    public var path: String
    /// Where a link or `.git` file leads, or the reason.
    public var detail: String
    /// Whether it was made or changed since the moment the scan was asked about; by the inode's change time, which a workload
    /// cannot set.
    public var isNew: Bool

    public init(kind: Kind, path: String, detail: String = "", isNew: Bool) {
        self.kind = kind
        self.path = path
        self.detail = detail
        self.isNew = isNew
    }
}
