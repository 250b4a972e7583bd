import CLinux
import Glibc
import LinuxKernel

/// A place for one test: a home, a project and a `COOP_HOME` that belong to an identity and go with this object.
public final class Sandboxed {
    public static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    public let identity: TestIdentity
    /// The directory that holds everything.
    public let root: String
    public let home: String
    public let project: String
    public let coopHome: String
    /// The environment that coop gets; a test may add to it.
    public var environment: [String: String]

    public init(_ identity: TestIdentity) throws {
        self.identity = identity
        var template = Array("/tmp/coop-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        home = root + "/home"
        project = root + "/project"
        coopHome = root + "/coophome"
        environment = [
            "PATH": Sandboxed.path, "HOME": home, "COOP_HOME": coopHome, "USER": identity.accountName, "LANG": "C.UTF-8", "TERM": "dumb",
        ]
        for directory in [root, home, project, coopHome] {
            if directory != root { try check("mkdir", directory) { mkdir(directory, 0o755) } }
            try check("chmod", directory) { chmod(directory, 0o755) }
            try give(directory)
        }
    }

    deinit { try? FileSystem.removeTree(root) }

    // MARK: - Files

    /// A path in the project.
    public func callAsFunction(_ name: String) -> String { FileSystem.join(project, name) }

    /// To whom files are given as they appear: a program that watches them must never see one that it may not read.
    private var owner: (user: uid_t, group: gid_t)? { getuid() == 0 ? (identity.user, identity.group) : nil }

    /// Makes something the identity's own.
    public func give(_ path: String) throws {
        if getuid() == 0 { try check("chown", path) { path.withOSBytes { lchown($0, identity.user, identity.group) } } }
    }

    /// Writes a file of the identity's, relative to the project, with the directories above it.
    @discardableResult
    public func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        let path = self(name)
        try makeDirectory(FileSystem.parent(of: path))
        try ProgramFile.replace(path, with: text.osBytes, mode: mode, owner: owner)
        return path
    }

    /// Makes a directory of the identity's, relative to the project, with those above it.
    @discardableResult
    public func makeDirectory(_ name: String) throws -> String {
        let path = self(name)
        if FileSystem.kind(path) == .directory { return path }
        try makeDirectory(FileSystem.parent(of: path))
        try check("mkdir", path) { path.withOSBytes { mkdir($0, 0o755) } }
        try give(path)
        return path
    }

    public func link(_ name: String, to destination: String) throws {
        let path = self(name)
        try check("symlink", path) { destination.withOSBytes { to in path.withOSBytes { symlink(to, $0) } } }
        try give(path)
    }

    /// Copies a program to where the sandbox can execute it.
    @discardableResult
    public func install(_ program: String, as name: String, mode: mode_t = 0o755) throws -> String {
        let path = self(name)
        try ProgramFile.replace(path, with: try FileSystem.read(program, limit: 1 << 30), mode: mode, owner: owner)
        return path
    }

    public func text(_ name: String) throws -> String { String(osBytes: try FileSystem.read(self(name))) }

    public func exists(_ name: String) -> Bool { FileSystem.kind(self(name), followLinks: false) != nil }

    // MARK: - Commands

    /// Runs `coop` with these arguments in the project.
    ///
    /// - Parameter environment: beyond the fixture's own.
    public func coop(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil, input: ChildProcess.Input = .null,
        descriptors: [Int32: Int32] = [:], timeout: Double = 120
    ) throws -> ChildProcess.Outcome {
        try start(arguments, environment: environment, directory: directory, input: input, descriptors: descriptors)
            .wait(timeout: timeout)
    }

    /// Starts `coop` with these arguments in the project.
    public func start(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil, input: ChildProcess.Input = .null,
        descriptors: [Int32: Int32] = [:], output: Int32? = nil, error: Int32? = nil
    ) throws -> ChildProcess {
        try ChildProcess(
            identity.arguments([try BuiltPrograms.coop()] + arguments), environment: self.environment.merging(environment) { $1 },
            directory: directory ?? project, input: input, descriptors: descriptors, output: output, error: error)
    }

    /// Runs a command in a sandbox: `coop run OPTIONS -- COMMAND`.
    public func run(
        _ command: [String], options: [String] = [], environment: [String: String] = [:], input: ChildProcess.Input = .null,
        timeout: Double = 120
    ) throws -> ChildProcess.Outcome {
        try coop(["run"] + options + ["--"] + command, environment: environment, input: input, timeout: timeout)
    }

    /// Runs lines of sh(1) in a sandbox.
    public func shell(
        _ script: String, options: [String] = [], environment: [String: String] = [:], timeout: Double = 120
    ) throws -> ChildProcess.Outcome {
        try run(["/bin/sh", "-c", script], options: options, environment: environment, timeout: timeout)
    }

    /// Runs a command as the identity outside of any sandbox.
    public func outside(_ command: [String], input: ChildProcess.Input = .null, timeout: Double = 120) throws -> ChildProcess.Outcome {
        try ChildProcess.run(identity.arguments(command), environment: environment, directory: project, input: input, timeout: timeout)
    }

    /// Runs a script in a sandbox and kills its supervisor; returns once no process of the sandbox is left.
    public func runKilled(_ script: String, options: [String] = []) throws {
        let run = try start(["run", "--network", "none"] + options + ["--", "sh", "-c", script + "; echo ready; read x"], input: .pipe)
        guard try run.waitForOutput("ready\n") else { throw TestSupportError("not ready: \(script)") }
        kill(run.pid, SIGKILL)
        _ = try run.wait()
        guard try Deadline.poll(seconds: 60, { try processes().isEmpty }) else { throw TestSupportError("processes stay: \(script)") }
    }

    // MARK: - What is left

    /// What sandboxes have left after their end: processes, and directories of live sandboxes. Empty is right; the kernel gets the time that
    /// it takes on a busy machine.
    public func remains() throws -> [String] {
        var found: [String] = []
        try Deadline.poll(seconds: 120) {
            found = try processes() + runDirectories()
            return found.isEmpty
        }
        return found
    }

    private func runDirectories() throws -> [String] {
        let run = coopHome + "/run"
        guard FileSystem.kind(run) == .directory else { return [] }
        return try FileSystem.list(run).map { "\(run)/\($0)" }
    }

    /// Processes that have this fixture's directory in their environment, or among the mounts of a namespace that is not
    /// the test's.
    public func processes() throws -> [String] {
        let own = FileSystem.readLink("/proc/self/ns/mnt")
        var result: [String] = []
        for name in try FileSystem.list("/proc") {
            guard let pid = Int32(name), pid != getpid() else { continue }
            let process = "/proc/" + name
            // Processes come and go, and those of others cannot be looked at: absence is the meaning.
            var text = (try? FileSystem.read(process + "/environ")) ?? []
            if let namespace = FileSystem.readLink(process + "/ns/mnt"), namespace != own {
                text += (try? FileSystem.read(process + "/mountinfo")) ?? []
            }
            // The C library searches: in a debug build, Swift takes a hundred times as long.
            text.append(0)
            let isOurs = text.withUnsafeBytes { bytes in
                (root + "/").withOSBytes { wanted in
                    guard var place = bytes.bindMemory(to: CChar.self).baseAddress else { return false }
                    let end = place + bytes.count
                    while place < end {
                        if strstr(place, wanted) != nil { return true }
                        place += strlen(place) + 1
                    }
                    return false
                }
            }
            guard isOurs else { continue }
            let command = (try? FileSystem.read(process + "/cmdline")) ?? []
            result.append("process \(pid): " + String(decoding: command.map { $0 == 0 ? 32 : $0 }, as: UTF8.self))
        }
        return result
    }
}

extension Sandboxed {
    /// Writes the user's own configuration, `$COOP_HOME/config.toml`.
    public func configure(_ text: String) throws {
        let path = FileSystem.join(coopHome, "config.toml")
        try ChildProcess.spawning.withLock { _ in try FileSystem.replace(path, with: text.osBytes, mode: 0o600, owner: owner) }
    }
}
