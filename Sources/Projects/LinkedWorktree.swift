import LinuxKernel

/// A linked git worktree (git-worktree(1)): one of several directories of the same repository, which runs beside the others.
public struct LinkedWorktree: Sendable, Equatable {
    /// The repository's common directory, with every link resolved.
    public var repository: String
    /// Git's own name for it, the directory below `worktrees`: unique in the repository, and the same whatever branch is checked out.
    public var name: String

    public init(repository: String, name: String) {
        self.repository = repository
        self.name = name
    }

    /// The worktree whose top level is `root`; nil for a main worktree, and for a directory that the repository does not know, such as a
    /// copy of a worktree.
    public static func find(at root: String) -> LinkedWorktree? {
        let dotGit = FileSystem.join(root, ".git")
        guard FileSystem.kind(dotGit, followLinks: false) == .file, let pointer = firstLine(dotGit), pointer.hasPrefix("gitdir: "),
            let directory = FileSystem.realPath(FileSystem.join(root, String(pointer.dropFirst(8)))),
            let common = firstLine(FileSystem.join(directory, "commondir")),
            let repository = FileSystem.realPath(FileSystem.join(directory, common)),
            FileSystem.parent(of: directory) == FileSystem.join(repository, "worktrees"),
            let back = firstLine(FileSystem.join(directory, "gitdir")),
            FileSystem.realPath(FileSystem.join(directory, back)) == FileSystem.join(root, ".git")
        else { return nil }
        return LinkedWorktree(repository: repository, name: FileSystem.lastComponent(of: directory))
    }

    /// What the repository's own directory is called: that of the main worktree, or of the bare repository without `.git`.
    public var repositoryName: String {
        let last = FileSystem.lastComponent(of: repository)
        if last == ".git" || last == ".bare" { return FileSystem.lastComponent(of: FileSystem.parent(of: repository)) }
        return last.hasSuffix(".git") ? String(last.dropLast(4)) : last
    }

    /// The name as a label of a host name (RFC 1123): lower-case letters, digits and single hyphens. A name that is none is followed by
    /// two hyphens and the beginning of its SHA-256, which no other label holds, so that no two names share one.
    public var label: String {
        let bytes = Array(name.utf8)
        func isPlain(_ byte: UInt8) -> Bool { (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7A) }
        let isLabel =
            !bytes.isEmpty && bytes.count <= 40 && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") } && !name.contains("--")
        if isLabel { return name }
        var words: [UInt8] = []
        for byte in name.lowercased().utf8.prefix(24) {
            if isPlain(byte) {
                words.append(byte)
            } else if let last = words.last, last != UInt8(ascii: "-") {
                words.append(UInt8(ascii: "-"))
            }
        }
        while words.last == UInt8(ascii: "-") { words.removeLast() }
        let start = words.isEmpty ? "w" : String(decoding: words, as: UTF8.self)
        return start + "--" + SHA256.hexDigest(name.osBytes).prefix(16)
    }

    /// The first line of a small file; nil when there is none or it cannot be read.
    private static func firstLine(_ path: String) -> String? {
        guard FileSystem.kind(path) == .file, let bytes = try? FileSystem.read(path, limit: 1 << 16) else { return nil }
        var line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        return line.isEmpty ? nil : String(osBytes: line)
    }
}
