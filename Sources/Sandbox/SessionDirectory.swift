import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// What is known about a live sandbox, for `coop ps` and for commands that join it.
public struct SessionRecord: Codable, Sendable, Equatable {
    public var version = 1
    public var id: String
    public var name: String?
    /// The process that supervises it.
    public var supervisor: Int32
    /// The first process of the sandbox, as the host numbers it.
    public var warden: Int32
    /// Seconds since 1970.
    public var started: Int64
    public var workspace: String
    public var command: [String]
    public var engine: String
    /// The directory of its log; it may not exist yet.
    public var log: String?
    /// The task that it works in.
    public var task: String?

    public init(
        id: String, name: String?, supervisor: Int32, warden: Int32, started: Int64, workspace: String, command: [String],
        engine: String, log: String? = nil, task: String? = nil
    ) {
        self.id = id
        self.name = name
        self.supervisor = supervisor
        self.warden = warden
        self.started = started
        self.workspace = workspace
        self.command = command
        self.engine = engine
        self.log = log
        self.task = task
    }
}

/// The directory of one live sandbox below `$COOP_HOME/run`. Its lock is held as long as the supervisor lives, whatever
/// kills it; a directory whose lock is free is the remains of a sandbox, which the next command clears away.
public final class SessionDirectory {
    public let path: String
    public let id: String
    private let lock: Descriptor
    private var isRemoved = false

    private static let lockName = "lock"
    private static let recordName = "session.json"
    private static let socketName = "control"
    private static let cgroupsName = "cgroups"
    private static let importCgroupsName = "import-cgroups"

    private init(path: String, id: String, lock: Descriptor) {
        self.path = path
        self.id = id
        self.lock = lock
    }

    /// Makes the directory of a new sandbox.
    ///
    /// - Parameter run: `$COOP_HOME/run`, which must exist.
    public static func create(in run: String, id: String) throws(CoopError) -> SessionDirectory {
        let path = FileSystem.join(run, id)
        // It appears under its name only once it is locked, so that nobody takes it for remains.
        // With the process in its name, so that what a killed one leaves before it has the lock can be told from what is being made.
        let hidden = FileSystem.join(run, ".\(id).\(getpid())")
        do {
            guard hidden.withOSBytes({ mkdir($0, 0o700) }) == 0 else { throw SystemError("mkdir", hidden) }
            // The lock file, too, gets its name only once it is locked: another command that sweeps just now would lock it.
            let unlocked = FileSystem.join(hidden, lockName + ".new")
            let lock = try Descriptor.open(unlocked, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
            try check("flock", path) { flock(lock.number, LOCK_EX | LOCK_NB) }
            try FileSystem.rename(unlocked, to: FileSystem.join(hidden, lockName))
            try FileSystem.rename(hidden, to: path)
            return SessionDirectory(path: path, id: id, lock: lock)
        } catch {
            throw CoopError(
                .failed, "cannot keep a record of the sandbox", "\(error)", next: "check the space and the owner of \(run.printable)")
        }
    }

    /// Twelve random letters and digits, the first a letter.
    public static func newID() -> String {
        let letters = Array("abcdefghijkmnpqrstuvwxyz")
        let all = letters + Array("23456789")
        var id = String(letters.randomElement() ?? "a")
        while id.utf8.count < 12 { id.append(all.randomElement() ?? "a") }
        return id
    }

    // MARK: - While it lives

    /// The place of a file that lives as long as the sandbox.
    public func file(_ name: String) -> String { FileSystem.join(path, name) }

    /// Publishes the sandbox.
    ///
    /// - Parameter encoded: a `SessionRecord` as JSON.
    public func publish(_ encoded: [UInt8]) throws(CoopError) {
        do {
            let temporary = file(SessionDirectory.recordName + ".new")
            try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600).writeAll(encoded, subject: temporary)
            try FileSystem.rename(temporary, to: file(SessionDirectory.recordName))
        } catch {
            throw CoopError(.failed, "cannot keep a record of the sandbox", "\(error)", next: "check the space in \(path.printable)")
        }
    }

    /// Records cgroups before they are made.
    public func recordCgroups(_ paths: [String]) throws(CoopError) {
        try SessionDirectory.record(paths, as: SessionDirectory.cgroupsName, in: path)
    }

    /// The same of the sandbox in which another process takes over commits of this session.
    ///
    /// - Parameter directory: the session's, which that process does not hold.
    public static func recordImportCgroups(_ paths: [String], in directory: String) throws(CoopError) {
        try record(paths, as: importCgroupsName, in: directory)
    }

    private static func record(_ cgroups: [String], as name: String, in directory: String) throws(CoopError) {
        do {
            // Renamed, so that one that cannot be written (a full disk) does not cost the one before; a start cannot wait for the disk.
            let file = FileSystem.join(directory, name)
            let new = file + ".new"
            try Descriptor.open(new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
                .writeAll(cgroups.joined(separator: "\n").osBytes, subject: new)
            try FileSystem.rename(new, to: file)
        } catch {
            throw CoopError(.failed, "cannot keep a record of the sandbox", "\(error)", next: "check the space in \(directory.printable)")
        }
    }

    /// Listens for clients, or on a further socket of the supervisor's.
    ///
    /// - Parameter name: the socket's name in the directory; nil for the one that clients know.
    public func listen(_ name: String? = nil) throws(CoopError) -> Descriptor {
        let number = SessionDirectory.withShortPath(of: path, name ?? SessionDirectory.socketName) { coop_unix_socket($0, 16) }
        guard number >= 0 else {
            throw CoopError(
                .failed, "cannot open the sandbox's socket `\(name ?? SessionDirectory.socketName)`", SystemError.text(for: errno),
                next: "check the space in \(path.printable)")
        }
        return Descriptor(owning: number)
    }

    /// Removes the directory: the sandbox is over and everything it left is cleared away.
    public func remove() throws(SystemError) {
        guard !isRemoved else { return }
        isRemoved = true
        guard FileSystem.kind(path, followLinks: false) == .directory else { return }
        // The lock goes last: until then another command can finish what this one could not.
        for name in try FileSystem.list(path) where name != SessionDirectory.lockName {
            try FileSystem.removeTree(FileSystem.join(path, name))
        }
        try FileSystem.removeTree(path)
    }

    // MARK: - From outside

    /// Connects to the supervisor of a sandbox.
    public static func connect(run: String, id: String) throws(CoopError) -> Descriptor {
        let number = withShortPath(of: FileSystem.join(run, id), socketName) { coop_unix_socket($0, 0) }
        guard number >= 0 else {
            throw CoopError(.notReady, "cannot reach the sandbox \(id.printable)", SystemError.text(for: errno), next: "coop ps")
        }
        return Descriptor(owning: number)
    }

    /// A socket's path has 107 bytes at most (unix(7)); through the directory's descriptor it always fits.
    private static func withShortPath(of directory: String, _ name: String, _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        guard let handle = try? Descriptor.open(directory, Int32(COOP_O_PATH) | O_DIRECTORY) else { return -1 }
        return "/proc/self/fd/\(handle.number)/\(name)".withOSBytes(body)
    }

    /// The ids of all sandboxes, live or left behind.
    public static func ids(in run: String) throws(SystemError) -> [String] {
        try directories(in: run).filter { !$0.hasPrefix(".") }
    }

    /// The names of all directories below `run`, those that are only being made included.
    public static func directories(in run: String) throws(SystemError) -> [String] {
        guard FileSystem.kind(run) == .directory else { return [] }
        return try FileSystem.list(run).sorted()
    }

    /// The record of a sandbox as JSON, nil while it is being made or removed.
    public static func record(run: String, id: String) throws(SystemError) -> [UInt8]? {
        let path = FileSystem.join(FileSystem.join(run, id), recordName)
        guard FileSystem.kind(path) == .file else { return nil }
        return try FileSystem.read(path, limit: 1 << 20)
    }

    /// Whether the supervisor of a sandbox lives: it holds the lock.
    public static func isLive(run: String, id: String) -> Bool {
        guard let lock = try? Descriptor.open(FileSystem.join(FileSystem.join(run, id), lockName), O_RDWR | O_NOFOLLOW) else {
            return false
        }
        return flock(lock.number, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Takes over what a killed supervisor has left; nil when the sandbox lives, or another command is at it.
    public static func adopt(run: String, id: String) throws(SystemError) -> SessionDirectory? {
        let path = FileSystem.join(run, id)
        guard FileSystem.kind(path, followLinks: false) == .directory else { return nil }
        let lock: Descriptor
        do {
            lock = try Descriptor.open(FileSystem.join(path, lockName), O_RDWR | O_NOFOLLOW)
        } catch {
            guard error.errno == ENOENT else { throw error }
            // A directory has its lock before it has this name, and loses it last: its removal was killed, or is under way.
            if !id.hasPrefix(".") {
                try FileSystem.removeTree(path)
                return nil
            }
            // Just being made, or killed before its lock: nothing else is made before the lock. The process tells them apart, or an hour
            // where its number has gone to another.
            let process = id.split(separator: ".").last.flatMap { pid_t($0) }
            let isGone = process.map { kill($0, 0) != 0 && errno == ESRCH } ?? false
            let status = try FileSystem.status(path, followLinks: false)
            if isGone || status.map({ time(nil) - $0.st_mtim.tv_sec > 3600 }) ?? false { try FileSystem.removeTree(path) }
            return nil
        }
        guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else { return nil }
        // Another command may have removed it between the look and the lock.
        guard FileSystem.kind(FileSystem.join(path, lockName), followLinks: false) == .file else { return nil }
        return SessionDirectory(path: path, id: id, lock: lock)
    }

    /// The cgroups that a killed sandbox may have left.
    public func recordedCgroups() throws(SystemError) -> [String] {
        try cgroups(SessionDirectory.cgroupsName) + cgroups(SessionDirectory.importCgroupsName)
    }

    /// Those that a killed import may have left.
    public func importCgroups() throws(SystemError) -> [String] { try cgroups(SessionDirectory.importCgroupsName) }

    private func cgroups(_ name: String) throws(SystemError) -> [String] {
        guard try FileSystem.kindIfPresent(file(name), followLinks: false) == .file else { return [] }
        return String(osBytes: try FileSystem.read(file(name))).split(separator: "\n").map(String.init)
    }
}
