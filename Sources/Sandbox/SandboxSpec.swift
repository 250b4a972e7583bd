import LinuxKernel
import WardenProtocol

/// Everything a sandbox will see and may do. The command line and the configuration only build a spec, an engine only
/// realises one, and whatever is not listed here does not exist inside. `coop explain` prints it.
public struct SandboxSpec: Codable, Sendable, Equatable {
    /// The version of this format; fields may be added within a version, never changed in meaning.
    public var version = 1
    /// Twelve random lower-case letters and digits.
    public var id: String
    /// A name the user chose, unique among live sandboxes.
    public var name: String?
    public var rootFileSystem: RootFileSystem
    public var workspace: Workspace
    public var home: Home
    /// What else of the host appears inside, parents before children.
    public var mounts: [Mount]
    /// What of the host is replaced inside by something of the sandbox's own, after the mounts.
    public var covers: [Cover]
    /// Directories of the workspace that are private and empty inside.
    public var excludes: [String]
    /// Paths of the workspace that the host would execute or trust; read-only inside.
    public var protected: [Protection]
    public var environment: [EnvironmentVariable]
    public var user: User
    public var workingDirectory: String
    public var hostname: String
    public var limits: Limits
    public var network: Network
    public var systemCalls: SystemCalls
    /// Layers that may be missing because the user said so.
    public var degraded: [Layer]
    /// Wall-clock seconds after which the command is ended; nil for none.
    public var timeout: Double?
    public var command: [String]
    /// A line of sh(1) that prepares the workspace before the command, unless nothing that it reads has changed; nil for none.
    public var prepare: String?
    /// What of the user's session can be used inside.
    public var forwards: [Forward]

    public init(
        id: String, name: String? = nil, rootFileSystem: RootFileSystem = .host, workspace: Workspace, home: Home,
        mounts: [Mount] = [], covers: [Cover] = [], excludes: [String] = [], protected: [Protection] = [],
        environment: [EnvironmentVariable] = [],
        user: User, workingDirectory: String, hostname: String = "coop", limits: Limits = Limits(), network: Network = Network(),
        systemCalls: SystemCalls = SystemCalls(), degraded: [Layer] = [], timeout: Double? = nil, command: [String],
        prepare: String? = nil, forwards: [Forward] = []
    ) {
        self.id = id
        self.name = name
        self.rootFileSystem = rootFileSystem
        self.workspace = workspace
        self.home = home
        self.mounts = mounts
        self.covers = covers
        self.excludes = excludes
        self.protected = protected
        self.environment = environment
        self.user = user
        self.workingDirectory = workingDirectory
        self.hostname = hostname
        self.limits = limits
        self.network = network
        self.systemCalls = systemCalls
        self.degraded = degraded
        self.timeout = timeout
        self.command = command
        self.prepare = prepare
        self.forwards = forwards
    }
}

/// Where the system's own files come from.
public enum RootFileSystem: String, Codable, Sendable {
    /// The host's system directories, read-only.
    case host
}

/// The directory that the command works on, at the same path as on the host.
public struct Workspace: Codable, Sendable, Equatable {
    public enum Mode: String, Codable, Sendable, CaseIterable {
        /// The live directory.
        case bind
        /// The directory as it is, with every change kept apart from it.
        case overlay
        /// No workspace: an empty directory in memory.
        case none
    }

    public var path: String
    public var mode: Mode
    /// The task whose working tree it is; nil for the user's own.
    public var task: String?
    /// The directory on the host that holds the changes of an overlay; nil in every other mode.
    public var overlay: String?
    /// Whether directories of the tree can be renamed in an overlay: its mount is made outside, by root.
    public var movesDirectories = false

    public init(path: String, mode: Mode, task: String? = nil, overlay: String? = nil) {
        self.path = path
        self.mode = mode
        self.task = task
        self.overlay = overlay
    }

    /// Whether what is in the directory on the host can be seen inside.
    public var isShown: Bool { mode != .none }
}

/// The private home directory.
public struct Home: Codable, Sendable, Equatable {
    /// The path inside: the user's real home.
    public var path: String
    /// The directory on the host that holds it; nil for one in memory that is gone afterwards.
    public var source: String?
    /// Files that every run puts there anew.
    public var files: [HomeFile]

    public init(path: String, source: String?, files: [HomeFile] = []) {
        self.path = path
        self.source = source
        self.files = files
    }
}

/// A file of the sandbox's own in its home directory: readable and writable by the command alone, which may replace it.
public struct HomeFile: Codable, Sendable, Equatable {
    /// The whole path inside.
    public var path: String
    public var contents: String
    /// Why it is there: `grant NAME`.
    public var reason: String

    public init(path: String, contents: String, reason: String) {
        self.path = path
        self.contents = contents
        self.reason = reason
    }
}

/// A host path that appears inside.
public struct Mount: Codable, Sendable, Equatable {
    public var source: String
    public var target: String
    public var readOnly: Bool
    public var isDirectory: Bool
    /// Why it is there: `-m`, `coop.toml:7:11`, `pyenv`, `git`.
    public var reason: String

    public init(source: String, target: String, readOnly: Bool, isDirectory: Bool, reason: String) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.isDirectory = isDirectory
        self.reason = reason
    }
}

/// A file or directory of the sandbox's own, read-only and in memory, in the place of what else would be there.
public struct Cover: Codable, Sendable, Equatable {
    /// The whole path inside.
    public var path: String
    /// What it holds; of a file, the one entry. Contents are made when a sandbox is started, and empty where it is only described.
    public var files: [CoverFile]
    public var isDirectory: Bool
    /// Why it is there: `the gateway's authority`.
    public var reason: String

    /// A directory.
    public init(path: String, files: [CoverFile], reason: String) {
        self.path = path
        self.files = files
        isDirectory = true
        self.reason = reason
    }

    /// A file.
    public init(path: String, parts: [FilePart], reason: String) {
        self.path = path
        files = [CoverFile(name: FileSystem.lastComponent(of: path), parts: parts)]
        isDirectory = false
        self.reason = reason
    }
}

/// A path in the workspace that is guarded.
public struct Protection: Codable, Sendable, Equatable {
    public enum Form: String, Codable, Sendable {
        /// Bound onto itself, so that it can be neither renamed nor removed; its contents stay writable.
        case pinned
        /// Read-only, with everything below it.
        case readOnly
        /// Hidden behind something empty.
        case masked
    }

    public var path: String
    public var form: Form
    public var reason: String

    public init(path: String, form: Form, reason: String) {
        self.path = path
        self.form = form
        self.reason = reason
    }
}

/// One variable of the command's environment, and where it came from.
public struct EnvironmentVariable: Codable, Sendable, Equatable {
    public var name: String
    public var value: String
    /// `host`, `coop`, `-e`, `coop.toml:4:1`, …
    public var origin: String

    public init(name: String, value: String, origin: String) {
        self.name = name
        self.value = value
        self.origin = origin
    }
}

/// The identity of the command: the user's own.
public struct User: Codable, Sendable, Equatable {
    public var name: String
    public var id: UInt32
    public var group: UInt32
    public var groupName: String
    public var shell: String

    public init(name: String, id: UInt32, group: UInt32, groupName: String, shell: String) {
        self.name = name
        self.id = id
        self.group = group
        self.groupName = groupName
        self.shell = shell
    }
}

/// Resource limits; nil means that nothing beyond the defaults was asked for.
public struct Limits: Codable, Sendable, Equatable {
    /// Bytes of memory for the whole sandbox.
    public var memory: UInt64?
    /// Processors, as a fraction.
    public var cpus: Double?
    /// Processes and threads.
    public var processes: UInt64?
    /// Bytes on storage that only the sandbox uses.
    public var disk: UInt64?

    public init(memory: UInt64? = nil, cpus: Double? = nil, processes: UInt64? = nil, disk: UInt64? = nil) {
        self.memory = memory
        self.cpus = cpus
        self.processes = processes
        self.disk = disk
    }
}

/// The system calls that are allowed beyond, or forbidden beside, the built-in list.
public struct SystemCalls: Codable, Sendable, Equatable {
    /// Named groups that widen the built-in list.
    public var groups: [String]
    /// A profile in OCI form that narrows it further.
    public var profile: String?

    public init(groups: [String] = [], profile: String? = nil) {
        self.groups = groups
        self.profile = profile
    }
}
