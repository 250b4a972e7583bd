import CoopErrors
import Glibc
import LinuxKernel
import Tasks
import TestSupport
import Workspaces

/// A repository that is gone when the test is, on the branch `trunk`, and plain git on it.
final class Repository {
    let directory: String
    let work: String

    init(_ initial: [String] = []) throws {
        var name = Array("/tmp/coop-tasks-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw SystemError("mkdtemp") }
        directory = String(osBytes: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
        work = FileSystem.join(directory, "work")
        try git(["init", "-q", "-b", "trunk"] + initial + [work], in: directory)
        try git("config", "user.name", "Ada")
        try git("config", "user.email", "ada@example.org")
        try git("config", "gc.auto", "0")
    }

    deinit { try? FileSystem.removeTree(directory) }

    static let environment = [
        "PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C", "TZ=UTC",
        "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z", "GIT_EDITOR=true",
    ]

    /// Plain git; nil when it fails.
    func attempt(_ arguments: [String], in place: String? = nil, extra: [String] = []) throws -> String? {
        let outcome = try ChildProcess.run(
            ["/usr/bin/env", "-i"] + Repository.environment + extra + ["/usr/bin/git", "-C", place ?? work] + arguments)
        guard outcome.exitCode == 0 else { return nil }
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
    }

    @discardableResult
    func git(_ arguments: [String], in place: String? = nil, extra: [String] = []) throws -> String {
        guard let output = try attempt(arguments, in: place, extra: extra) else {
            throw TestSupportError("git \(arguments.joined(separator: " ")) failed in \(place ?? work)")
        }
        return output
    }

    @discardableResult
    func git(_ arguments: String...) throws -> String { try git(arguments) }

    func write(_ name: String, _ text: String) throws {
        let path = FileSystem.join(work, name)
        try FileSystem.makeDirectories(FileSystem.parent(of: path))
        try FileSystem.replace(path, with: Array(text.utf8), mode: 0o644)
    }

    func commit(_ files: [(String, String)], _ message: String = "a commit") throws {
        for (name, text) in files { try write(name, text) }
        try git("add", "-A")
        try git("commit", "-q", "--allow-empty", "-m", message)
    }

    func id(_ name: String) throws -> ObjectID {
        let text = try git("rev-parse", "--verify", name)
        guard let id = ObjectID(text) else { throw TestSupportError("\(name) is \(text)") }
        return id
    }

    func isolated(_ number: Int = 0, head: ObjectID? = nil) throws -> IsolatedGit {
        guard let repository = try GitRepository.find(at: work) else { throw TestSupportError("no repository") }
        return try IsolatedGit(
            repository, in: FileSystem.join(directory, "isolated-\(number)"), head: head, user: .none, executable: "/usr/bin/git",
            environment: ["TZ": "UTC", "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"])
    }

    /// Git on the repository as coop runs it.
    func host() throws -> HostGit {
        guard let repository = try GitRepository.find(at: work) else { throw TestSupportError("no repository") }
        return HostGit(repository, executable: "/usr/bin/git", views: FileSystem.join(directory, "views"))
    }

    /// The merge of `coop/a` into `trunk`, computed and stored.
    func merge(_ method: MergeMethod, _ number: Int = 0) throws -> MergeResult {
        let (tip, target) = (try id("coop/a"), try id("trunk"))
        let git = try isolated(number, head: target)
        let result = try TaskMerge(git: git, branch: "coop/a", tip: tip, target: "trunk", targetTip: target).compute(method)
        if case .done(let done) = result { try git.store(done.commit, known: [tip, target], in: host()) }
        return result
    }
}
