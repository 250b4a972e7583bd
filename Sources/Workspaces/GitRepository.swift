import CoopErrors
import Glibc
import LinuxKernel

/// The user's repository of a workspace, found by reading a few files; git is not run.
public struct GitRepository: Sendable, Equatable {
    /// How the workspace names its git directory.
    public enum Link: Sendable, Equatable {
        /// `.git` is the git directory.
        case directory
        /// `.git` is a file `gitdir: …`: a linked worktree, a submodule, or a separate git directory.
        case file
    }

    /// The top level of the working tree, absolute.
    public var workTree: String
    public var link: Link
    /// HEAD, index and the state of an operation in progress, absolute and without links.
    public var gitDirectory: String
    /// config, refs and objects; differs from ``gitDirectory`` in a linked worktree (gitrepository-layout(5), `commondir`).
    public var commonDirectory: String
    /// The object directories, the repository's own first, then those named by alternates.
    public var objectDirectories: [String]

    package init(
        workTree: String, link: Link, gitDirectory: String, commonDirectory: String, objectDirectories: [String]
    ) {
        self.workTree = workTree
        self.link = link
        self.gitDirectory = gitDirectory
        self.commonDirectory = commonDirectory
        self.objectDirectories = objectDirectories
    }

    /// Directories of alternates followed; git itself follows five levels.
    static let alternatesDepth = 5
    static let alternatesLimit = 64

    /// The repository whose top level is `workTree`; nil when there is no `.git`.
    public static func find(at workTree: String) throws -> GitRepository? {
        let what = "cannot use the git repository of \(workTree.printable)"
        return try describing(what) {
            let dotGit = FileSystem.join(workTree, ".git")
            guard let kind = try FileSystem.status(dotGit, followLinks: false).flatMap({ FileKind(mode: $0.st_mode) }) else {
                if isGitDirectory(workTree) {
                    throw CoopError(
                        .refused, what, "the directory is itself a bare repository, which the sandbox could rewrite",
                        next: "git clone \(workTree.printable) <elsewhere>, and run coop there")
                }
                return nil
            }
            let link: Link
            let directory: String
            switch kind {
            case .directory:
                link = .directory
                directory = dotGit
            case .file:
                link = .file
                let line = firstLine(try FileSystem.read(dotGit, limit: 1 << 16))
                guard line.starts(with: Array("gitdir: ".utf8)) else {
                    throw CoopError(
                        .failed, what, "\(dotGit.printable):1:1: not a line of the form `gitdir: <path>`", next: "cat \(dotGit.printable)")
                }
                directory = FileSystem.join(workTree, String(osBytes: line.dropFirst(8)))
            default:
                throw CoopError(
                    .refused, what, "\(dotGit.printable) is a \(kind), which the sandbox could replace",
                    next: "write the line `gitdir: <path of the git directory>` into a regular file \(dotGit.printable)")
            }
            guard let gitDirectory = FileSystem.realPath(directory), FileSystem.kind(gitDirectory) == .directory else {
                throw CoopError(
                    .failed, what, "the git directory \(directory.printable) does not exist", next: "git worktree repair")
            }
            var common = gitDirectory
            if let bytes = try FileBytes.contents(FileSystem.join(gitDirectory, "commondir")) {
                let named = FileSystem.join(gitDirectory, String(osBytes: firstLine(bytes)))
                guard let real = FileSystem.realPath(named) else {
                    throw CoopError(.failed, what, "the common directory \(named.printable) does not exist", next: "git worktree repair")
                }
                common = real
            }
            return GitRepository(
                workTree: workTree, link: link, gitDirectory: gitDirectory, commonDirectory: common,
                objectDirectories: try objectDirectories(of: common))
        }
    }

    /// Whether the names in a directory make git take it for a repository: what git's is_git_directory() looks for, or the
    /// per-worktree part of one.
    static func isGitDirectory(_ path: String) -> Bool {
        func exists(_ name: String) -> Bool { FileSystem.kind(FileSystem.join(path, name), followLinks: false) != nil }
        return exists("HEAD") && ((exists("objects") && exists("refs")) || exists("commondir"))
    }

    /// The repository's own objects and, depth first, the alternates (gitrepository-layout(5), `objects/info/alternates`).
    private static func objectDirectories(of common: String) throws -> [String] {
        var result: [String] = []
        func add(_ path: String, depth: Int) throws {
            guard let real = FileSystem.realPath(path), !result.contains(real), result.count < alternatesLimit else { return }
            result.append(real)
            guard depth < alternatesDepth, let list = try FileBytes.contents(FileSystem.join(real, "info/alternates")) else { return }
            for line in list.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
                try add(FileSystem.join(real, String(osBytes: unquoted(line))), depth: depth + 1)
            }
        }
        try add(FileSystem.join(common, "objects"), depth: 0)
        return result
    }

    /// A path in an alternates file may be written like a C string.
    private static func unquoted(_ line: ArraySlice<UInt8>) -> [UInt8] {
        guard line.count >= 2, line.first == UInt8(ascii: "\""), line.last == UInt8(ascii: "\"") else { return Array(line) }
        var result: [UInt8] = []
        var rest = line.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "0")...UInt8(ascii: "3") where rest.count >= 2:
                let digits = [escape, rest[rest.startIndex], rest[rest.startIndex + 1]]
                rest = rest.dropFirst(2)
                result.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 << 3 | Int($1 & 7) }))
            default: result.append(escape)
            }
        }
        return result
    }

    private static func firstLine(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        while line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        return line
    }

    /// The files that hold the repository's own configuration.
    var configurationFiles: [String] {
        var files = [FileSystem.join(commonDirectory, "config")]
        files.append(FileSystem.join(gitDirectory, "config.worktree"))
        return files
    }

    /// The bytes of the repository's configuration, and which directories these are: what a later git call is checked against.
    func identity() throws(SystemError) -> Identity {
        var configuration: [[UInt8]] = []
        for file in configurationFiles { configuration.append(try FileBytes.contents(file) ?? []) }
        var inodes: [String] = []
        for path in [gitDirectory, commonDirectory] {
            guard let status = try FileSystem.status(path) else { throw SystemError("stat", path, errno: ENOENT) }
            inodes.append("\(status.st_dev):\(status.st_ino)")
        }
        return Identity(configuration: configuration, inodes: inodes)
    }

    /// What must be the same at the end of a session as at its start.
    package struct Identity: Sendable, Equatable {
        var configuration: [[UInt8]]
        var inodes: [String]
    }
}
