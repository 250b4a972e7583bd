import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// What this host is like, as far as a plan depends on it: a plain value, so that every kind of host can be tested.
public struct HostFacts: Codable, Sendable, Equatable {
    /// A directory or link at the top of the host's tree.
    public struct SystemPath: Codable, Sendable, Equatable {
        public var path: String
        /// Where it leads, when it is a link: `usr/bin`.
        public var link: String?
    }

    /// An entry of /etc that is shown inside.
    public struct ConfigurationPath: Codable, Sendable, Equatable {
        public var path: String
        /// The resolved place, which differs where the entry is a link.
        public var source: String
        public var isDirectory: Bool
        /// A file that is small enough to be copied, and that this user may read.
        public var isSmall = false
    }

    public var kernel: String
    public var users: UserMapping
    /// The highest Landlock version the kernel offers, 0 for none.
    public var landlock: Int
    /// The namespaces listed in /proc/self/ns.
    public var namespaces: [String]
    public var seccompFilter: Bool
    public var systemPaths: [SystemPath]
    public var configurationPaths: [ConfigurationPath]
    /// Bytes of memory of the machine.
    public var memory: UInt64
    /// Character devices that exist, of those shown inside.
    public var devices: [String]
    /// Hard limits of this process (getrlimit(2)): nothing inside can be above them.
    public var hardProcesses: UInt64
    public var hardFileSize: UInt64
    public var hardData: UInt64
    public var hardCore: UInt64
    /// The host's masked parts of /proc: mounting a fresh one is refused there (typical inside containers).
    public var procIsMasked: Bool
    /// The entries of `HostRoot.readOnlyProc` and `HostRoot.maskedProc` that this kernel has.
    public var readOnlyProc: [String]
    public var hiddenProc: [String]

    /// Whether the kernel can be spoken to about packet filters (NETLINK_NETFILTER of netlink(7)). The parts that the rules need
    /// are modules, and show when they are used.
    public var netfilter = true

    public var user: UInt32 { users.user }
    public var group: UInt32 { users.group }
    public var isRoot: Bool { users.isRoot }

    /// Looks at this host. A few dozen system calls.
    public static func probe() throws(SystemError) -> HostFacts { try probe(users: UserMapping.probe()) }

    /// - Parameter looksForMaskedProc: otherwise it is as if nothing were masked, for who looks later.
    static func probe(users: UserMapping, looksForMaskedProc: Bool = true) throws(SystemError) -> HostFacts {
        var system = utsname()
        uname(&system)
        let kernel = withUnsafePointer(to: &system.release) { $0.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) } }
        let memory = UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        return HostFacts(
            kernel: kernel, users: users, landlock: max(0, Int(coop_landlock_abi())), namespaces: probeNamespaces(),
            seccompFilter: coop_prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
            systemPaths: probeSystemPaths(), configurationPaths: probeConfiguration(),
            memory: memory, devices: HostRoot.devices.filter { FileSystem.kind("/dev/" + $0) == .characterDevice },
            hardProcesses: hardLimit(6), hardFileSize: hardLimit(1), hardData: hardLimit(2), hardCore: hardLimit(4),
            procIsMasked: looksForMaskedProc ? try findMaskedProc() : false,
            readOnlyProc: HostRoot.readOnlyProc.filter { FileSystem.kind($0, followLinks: false) != nil },
            hiddenProc: HostRoot.maskedProc.filter { FileSystem.kind($0, followLinks: false) != nil }, netfilter: hasNetfilter())
    }

    /// The namespaces that this kernel has (namespaces(7)), of those that a sandbox could use. One look at each: a start waits for this, and
    /// reading the whole directory takes ten times as long.
    static func probeNamespaces() -> [String] {
        ClonedWarden.namespaceNames.filter { FileSystem.kind("/proc/self/ns/" + $0, followLinks: false) != nil }
    }

    private static func probeSystemPaths() -> [SystemPath] {
        HostRoot.systemDirectories.compactMap { path in
            switch FileSystem.kind(path, followLinks: false) {
            case .directory: SystemPath(path: path, link: nil)
            case .symlink: FileSystem.readLink(path).map { SystemPath(path: path, link: $0) }
            default: nil
            }
        }
    }

    private static func probeConfiguration() -> [ConfigurationPath] {
        HostRoot.configuration.compactMap { name in
            let path = "/etc/" + name
            guard let status = (try? FileSystem.status(path, followLinks: false)) ?? nil, let kind = FileKind(mode: status.st_mode) else {
                return nil
            }
            switch kind {
            case .file:
                let isSmall = status.st_size < PlanOperation.copyLimit && status.st_mode & S_IROTH != 0
                return ConfigurationPath(path: path, source: path, isDirectory: false, isSmall: isSmall)
            case .directory: return ConfigurationPath(path: path, source: path, isDirectory: true)
            case .symlink:
                guard let source = FileSystem.realPath(path), let target = FileSystem.kind(source) else { return nil }
                // A link into what is shown anyway stays a link of its own kind: the contents are bound in its place.
                return ConfigurationPath(path: path, source: source, isDirectory: target == .directory)
            default: return nil
            }
        }
    }

    private static func hasNetfilter() -> Bool {
        let number = coop_netlink_open(12 /* NETLINK_NETFILTER */)
        guard number >= 0 else { return false }
        close(number)
        return true
    }

    private static func hardLimit(_ resource: Int32) -> UInt64 {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        guard coop_getrlimit(resource, &soft, &hard) == 0 else { return .max }
        return hard
    }

    /// File systems that are mounted on directories of /proc which exist for them and hold nothing; they cover nothing.
    private static let emptyPlaces: Set<String> = ["binfmt_misc", "autofs", "nfsd"]

    /// Container engines cover parts of /proc; the kernel then refuses a fresh /proc in a new user namespace.
    static func findMaskedProc() throws(SystemError) -> Bool {
        try MountInfo.read().contains { $0.mountPoint.hasPrefix("/proc/") && !emptyPlaces.contains($0.type) }
    }
}
