/// Who owns something that the warden makes inside.
public enum Owner: UInt8, Codable, Sendable {
    case warden, workload
}

/// Restrictions of a mount; what is not restricted is allowed.
public struct MountRestrictions: OptionSet, Codable, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readOnly = MountRestrictions(rawValue: 1)
    public static let noSetuid = MountRestrictions(rawValue: 2)
    public static let noDevices = MountRestrictions(rawValue: 4)
    public static let noExecute = MountRestrictions(rawValue: 8)

    /// What every mount of files gets: no set-user-id programs, no device nodes.
    public static let files: MountRestrictions = [.noSetuid, .noDevices]

    /// What only shows something.
    public static let cover: MountRestrictions = [.readOnly, .noSetuid, .noDevices, .noExecute]

    /// The names that the kernel prints in mountinfo.
    public var names: [String] {
        var result: [String] = []
        if contains(.readOnly) { result.append("ro") }
        if contains(.noSetuid) { result.append("nosuid") }
        if contains(.noDevices) { result.append("nodev") }
        if contains(.noExecute) { result.append("noexec") }
        return result
    }
}

/// One directory or file that Landlock opens up, with the rights of landlock(7) as a mask.
public struct LandlockRule: Codable, Sendable, Equatable {
    public var path: String
    public var access: UInt64
    public init(path: String, access: UInt64) {
        self.path = path
        self.access = access
    }
}

/// A file of the sandbox's own, and its name in the directory that it lies in.
public struct CoverFile: Codable, Sendable, Equatable {
    public var name: String
    public var parts: [FilePart]
    public init(name: String, parts: [FilePart]) {
        self.name = name
        self.parts = parts
    }

    /// How many bytes it is.
    public var count: Int { parts.reduce(0) { $0 + $1.count } }
}

/// One step of setting up a sandbox. An engine derives the list from the spec by a pure function; the warden is one
/// loop over it. Paths named `target` or `path` are inside, `source` is on the host.
public enum PlanOperation: Codable, Sendable, Equatable {
    /// Ends the exchange of mount events with the host.
    case privateMounts
    /// Starts the new root: a tmpfs of at most `bytes` and `inodes`.
    case root(bytes: UInt64, inodes: UInt64)
    case directory(path: String, mode: UInt32, owner: Owner)
    case file(path: String, contents: [UInt8], mode: UInt32)
    /// A file of the command's own in its HOME, readable by it alone, in the place of one that an earlier run left.
    case homeFile(path: String, contents: [UInt8])
    /// Puts what only memory holds in the place of a file or directory, read-only: what every sandbox has another of costs no disk then.
    /// A file is the one entry of `files`.
    case cover(path: String, files: [CoverFile], isDirectory: Bool)
    /// Copies a small file of the host, readable for all inside. Cheaper than a mount, at the start and at the end.
    case copy(source: String, path: String)
    /// Puts a file together, readable for all inside.
    case compose(path: String, parts: [FilePart])
    case symlink(path: String, destination: String)
    /// Makes a host path appear at `target`. A missing target is made; links on the way to it are never followed.
    case bind(source: String, target: String, restrictions: MountRestrictions, recursive: Bool)
    /// Lays an overlay over the host's directory `lower` and makes it appear at `target`: what is written goes to `upper`, and the kernel
    /// needs `work` on the same file system beside it (overlayfs).
    ///
    /// `isGiven`: the mount has been made outside, where root may let directories be renamed, and comes with the plan as a descriptor.
    case overlay(lower: String, upper: String, work: String, target: String, restrictions: MountRestrictions, isGiven: Bool)
    /// Binds a directory inside onto itself, so that it can be neither renamed nor removed.
    case pin(path: String)
    /// Makes what is already inside read-only, submounts included.
    case readOnly(path: String)
    /// Hides a file, directory or socket behind something empty.
    case mask(path: String)
    case tmpfs(target: String, bytes: UInt64, inodes: UInt64, mode: UInt32, owner: Owner, restrictions: MountRestrictions)
    case proc(target: String)
    case terminals(target: String)
    case messageQueues(target: String)
    /// Seals the root itself against writing and makes it `/`; nothing of the host's tree remains reachable.
    case enterRoot
    case hostname(String)
    case loopback
    /// Gives the loopback device this further address, and IPv4 a default route by it: a way to everywhere that ends at the
    /// gateway's sockets. IPv6 gets none, and fails at once.
    case gatewayRoute(address: String)
    /// Makes a socket for the gateway, which is handed out before the command starts.
    case listen(ListeningSocket)
    /// Makes the kernel redirect TCP and DNS that leave to these ports of 127.0.0.1, and refuse everything else that is for
    /// neither loopback nor `address` (nf_tables).
    case gatewayRules(address: String, redirectPort: UInt16, dnsPort: UInt16)
    /// Writes a kernel setting of the sandbox's own namespaces.
    case kernelSetting(path: String, value: String)
    /// setrlimit(2) with the kernel's resource number.
    case resourceLimit(resource: Int32, name: String, soft: UInt64, hard: UInt64)
    /// Restricts this and every later process to the rules (landlock(7)); `scopes` as in `struct landlock_ruleset_attr`.
    case landlock(handled: UInt64, scopes: UInt64, rules: [LandlockRule])
    /// Drops all capabilities but `keep`, for good, and sets no_new_privs.
    case dropPrivileges(keep: UInt64)
    /// Installs a seccomp program (seccomp(2)).
    case seccomp(name: String, program: [UInt8])
}

extension PlanOperation {
    /// Bytes of the largest file that is copied instead of mounted.
    public static let copyLimit = 64 << 10

    /// The operation's name, as printed by `coop explain`.
    public var name: String {
        switch self {
        case .privateMounts: "private-mounts"
        case .root: "root"
        case .directory: "directory"
        case .file: "file"
        case .homeFile: "home-file"
        case .cover: "cover"
        case .copy: "copy"
        case .compose: "compose"
        case .symlink: "symlink"
        case .bind: "bind"
        case .overlay: "overlay"
        case .pin: "pin"
        case .readOnly: "read-only"
        case .mask: "mask"
        case .tmpfs: "tmpfs"
        case .proc: "proc"
        case .terminals: "terminals"
        case .messageQueues: "message-queues"
        case .enterRoot: "enter-root"
        case .hostname: "hostname"
        case .loopback: "loopback"
        case .gatewayRoute: "gateway-route"
        case .listen: "listen"
        case .gatewayRules: "gateway-rules"
        case .kernelSetting: "kernel-setting"
        case .resourceLimit: "resource-limit"
        case .landlock: "landlock"
        case .dropPrivileges: "drop-privileges"
        case .seccomp: "seccomp"
        }
    }

    /// What the operation is about, in one line.
    public var summary: String {
        switch self {
        case .privateMounts, .enterRoot, .loopback: ""
        case .root(let bytes, let inodes): "tmpfs, \(bytes) bytes, \(inodes) files"
        case .directory(let path, let mode, let owner): "\(path) \(String(mode, radix: 8)) \(owner == .warden ? "warden" : "workload")"
        case .file(let path, let contents, let mode): "\(path) \(String(mode, radix: 8)), \(contents.count) bytes"
        case .homeFile(let path, let contents): "\(path) 600, \(contents.count) bytes"
        case .cover(let path, let files, _): "\(path), \(files.reduce(0) { $0 + $1.count }) bytes"
        case .copy(let source, let path): source == path ? path : "\(source) to \(path)"
        case .compose(let path, let parts): "\(path), \(parts.reduce(0) { $0 + $1.count }) bytes"
        case .symlink(let path, let destination): "\(path) -> \(destination)"
        case .bind(let source, let target, let restrictions, let recursive):
            (source == target ? target : "\(source) at \(target)")
                + " (" + (restrictions.names + (recursive ? ["recursive"] : [])).joined(separator: ",") + ")"
        case .overlay(let lower, let upper, _, let target, let restrictions, let isGiven):
            "\(upper) over \(lower == target ? target : "\(lower) at \(target)") ("
                + (restrictions.names + (isGiven ? ["mounted outside"] : [])).joined(separator: ",") + ")"
        case .pin(let path), .readOnly(let path), .mask(let path): path
        case .tmpfs(let target, let bytes, _, _, _, let restrictions):
            "\(target), \(bytes) bytes (\(restrictions.names.joined(separator: ",")))"
        case .proc(let target), .terminals(let target), .messageQueues(let target): target
        case .hostname(let name): name
        case .gatewayRoute(let address): "\(address) on lo, default route by lo"
        case .listen(let socket): socket.description
        case .gatewayRules(let address, let redirectPort, let dnsPort):
            "tcp to port \(redirectPort), dns to port \(dnsPort), all else refused but 127.0.0.0/8, ::1 and \(address)"
        case .kernelSetting(let path, let value): "\(path) = \(value)"
        case .resourceLimit(_, let name, let soft, let hard): "\(name) \(soft) \(hard)"
        case .landlock(_, _, let rules): rules.map(\.path).joined(separator: ", ")
        case .dropPrivileges(let keep): keep == 0 ? "no capability left" : "warden keeps 0x\(String(keep, radix: 16)), the command none"
        case .seccomp(let name, let program): "\(name), \(program.count / 8) instructions"
        }
    }
}
