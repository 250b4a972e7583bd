import Review

/// How one path of the tree was at the start of an overlay session, or as what was applied since has left it.
public enum BaseVersion: Sendable {
    /// Nothing was there.
    case absent
    /// What was there; the content of a file can be opened.
    case known(FileVersion)
    /// A file was there whose content is no longer to be had: it has changed since, and no copy was made of it. `open()` of the version throws.
    case contentLost(FileVersion)

    /// What was there, whether or not its content can be opened; nil when nothing was.
    public var version: FileVersion? {
        switch self {
        case .absent: nil
        case .known(let version), .contentLost(let version): version
        }
    }
}
