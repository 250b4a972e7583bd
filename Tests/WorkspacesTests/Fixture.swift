import CoopErrors
import Glibc
import LinuxKernel

@testable import Workspaces

/// A directory that is gone when the test is.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var name = Array("/tmp/coop-work-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw SystemError("mkdtemp") }
        path = String(osBytes: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
    }

    deinit { try? FileSystem.removeTree(path) }

    func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }
}

let gitProgram = "/usr/bin/git"

/// Runs a program in a directory and returns its output without the last line feed.
@discardableResult
func sh(_ arguments: [String], in directory: String, _ variables: [String] = [], input: [UInt8] = [], allowFailure: Bool = false)
    throws -> String
{
    let outcome = try HostProcess.run(
        arguments[0].hasPrefix("/") ? arguments[0] : "/usr/bin/" + arguments[0], Array(arguments.dropFirst()),
        environment: testEnvironment + variables, directory: directory, input: input, limits: .init(timeout: 120_000))
    if !outcome.status.isSuccess, !allowFailure {
        throw CoopError(.failed, arguments.joined(separator: " "), "\(outcome.status): \(String(osBytes: outcome.errors))")
    }
    var text = String(osBytes: outcome.output)
    if text.hasSuffix("\n") { text.removeLast() }
    return text
}

let testEnvironment = [
    "PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
    "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z", "GIT_EDITOR=true",
]

/// A host repository with a session on it: "inside" is git with the private directory as its git directory.
final class Session {
    let temporary: TemporaryDirectory
    let work: String
    var privateGit: PrivateGit!
    var id = "s1"
    /// Called instead of git inside, for sandboxes that lie.
    var liar: ((_ arguments: [String], _ input: [UInt8], _ output: Int32) throws -> Int32?)?
    var calls: [[String]] = []

    init(_ initial: [String] = [], commits: Int = 1) throws {
        // A test that writes a forged pack itself is the writer of a pipe whose reader gives up.
        signal(SIGPIPE, SIG_IGN)
        temporary = try TemporaryDirectory()
        work = temporary("work")
        try FileSystem.makeDirectories(work)
        try sh(["git", "init", "-q", "-b", "main"] + initial, in: work)
        try configure(work)
        for number in 0..<commits { try commit("file\(number)", "text \(number)\n", in: work) }
    }

    func configure(_ path: String) throws {
        for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.org"), ("gc.auto", "0")] {
            try sh(["git", "config", key, value], in: path)
        }
    }

    func write(_ name: String, _ text: String, in directory: String? = nil) throws {
        let path = FileSystem.join(directory ?? work, name)
        try FileSystem.makeDirectories(FileSystem.parent(of: path))
        try writeFile(path, Array(text.utf8))
    }

    func commit(_ name: String, _ text: String, in directory: String) throws {
        try write(name, text, in: directory)
        try sh(["git", "add", "."], in: directory)
        try sh(["git", "commit", "-q", "-m", name], in: directory)
    }

    /// Starts the session in `directory` (default: the work tree).
    @discardableResult
    func begin(in directory: String? = nil, user: GitUserConfiguration = .none) throws -> PrivateGit {
        let top = directory ?? work
        guard let repository = try GitRepository.find(at: top) else { throw CoopError(.failed, "no repository", top) }
        var inside = PrivateGitDirectory.Inside()
        inside.objects = temporary("inside-\(id)/objects")
        inside.alternates = temporary("inside-\(id)/alternates")
        inside.directory = temporary("run-\(id)/git")
        try FileSystem.makeDirectories(temporary("run-\(id)"))
        privateGit = try PrivateGitDirectory.prepare(
            repository, at: temporary("run-\(id)/git"), inside: inside, user: user, git: { gitProgram })
        for mount in privateGit.mounts where mount.target.hasPrefix(temporary("inside-\(id)")) {
            if mount.target.hasSuffix("info/alternates") { continue }
            try FileSystem.makeDirectories(FileSystem.parent(of: mount.target))
            if FileSystem.kind(mount.target, followLinks: false) == nil {
                mount.source.withOSBytes { from in mount.target.withOSBytes { _ = symlink(from, $0) } }
            }
        }
        return privateGit
    }

    var insideVariables: [String] {
        ["GIT_DIR=\(privateGit.directory)", "GIT_WORK_TREE=\(privateGit.repository.workTree)"]
    }

    @discardableResult
    func inside(_ arguments: String..., input: String = "", allowFailure: Bool = false) throws -> String {
        try sh(
            ["git"] + arguments, in: privateGit.repository.workTree, insideVariables, input: Array(input.utf8),
            allowFailure: allowFailure)
    }

    func commitInside(_ name: String, _ text: String) throws {
        try write(name, text, in: privateGit.repository.workTree)
        try inside("add", "-A")
        try inside("commit", "-q", "-m", name)
    }

    @discardableResult
    func host(_ arguments: String..., allowFailure: Bool = false) throws -> String {
        try sh(["git"] + arguments, in: privateGit?.repository.workTree ?? work, allowFailure: allowFailure)
    }

    func run(_ arguments: [String], _ input: [UInt8], _ output: Int32) throws -> Int32 {
        calls.append(arguments)
        if let answer = try liar?(arguments, input, output) { return answer }
        let copy = Descriptor(owning: try check("dup") { dup(output) })
        let process = try HostProcess.start(
            "/usr/bin/" + arguments[0], Array(arguments.dropFirst()), environment: testEnvironment + insideVariables,
            directory: privateGit.repository.workTree, input: try HostProcess.memoryFile(input), output: copy)
        guard case .exited(let code) = try process.wait().status else { return 128 }
        return code
    }

    func importer(isLive: Bool = true, limits: CommitImport.Limits = .init()) throws -> CommitImport {
        try CommitImport(
            session: id, privateGit: privateGit, git: gitProgram, stateDirectory: temporary("state"), isLive: isLive, limits: limits)
    }

    @discardableResult
    func finish(
        isLive: Bool = true, limits: CommitImport.Limits = .init(), step: (CommitImport.Step) throws -> Void = { _ in }
    ) throws -> ImportResult {
        let import_ = try importer(isLive: isLive, limits: limits)
        return try import_.run({ try self.run($0, $1, $2) }, step: step)
    }

    func status(inside: Bool) throws -> String {
        let arguments = ["git", "status", "--porcelain=v2", "--branch"]
        return try sh(arguments, in: privateGit.repository.workTree, inside ? insideVariables : [])
    }
}

extension ImportResult {
    func outcome(_ name: String) -> Outcome? { references.first { $0.name == name }?.outcome }
}
