import LinuxKernel

/// What is, or was, at one path of a working tree: a file, a symbolic link, a directory, or something that cannot be carried over.
public struct FileVersion: Sendable {
    /// What there is. A missing path has no version at all.
    public enum Kind: Sendable, Equatable {
        case file
        case symlink
        case directory
        /// A device, a socket, a pipe, another repository: `what` says it in words.
        case other(what: String)
    }

    public var kind: Kind
    /// Permission bits with set-user-id, set-group-id and sticky (chmod(2)); of a symbolic link 0o777.
    public var mode: UInt32
    /// Bytes of a file, or of the target of a symbolic link; 0 for the rest.
    public var size: UInt64
    /// What a symbolic link leads to; nil for everything else.
    public var target: String?
    /// Extended attributes of the user's (xattr(7), `user.*`), without those that overlayfs keeps for itself.
    public var attributes: [String: [UInt8]]
    private let source: @Sendable () throws -> Descriptor

    /// - Parameter source: opens the content of a file from its beginning, for reading. It may be called more than once, and at any
    ///   time until the change that it belongs to has been dealt with.
    public init(
        kind: Kind, mode: UInt32, size: UInt64 = 0, target: String? = nil, attributes: [String: [UInt8]] = [:],
        source: @escaping @Sendable () throws -> Descriptor
    ) {
        self.kind = kind
        self.mode = mode
        self.size = size
        self.target = target
        self.attributes = attributes
        self.source = source
    }

    /// The content of a file, from its beginning. Only for a file.
    public func open() throws -> Descriptor { try source() }
}
