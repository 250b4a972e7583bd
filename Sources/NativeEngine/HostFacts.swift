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

    /// A range of subordinate ids (subuid(5)).
    public struct SubordinateRange: Codable, Sendable, Equatable {
        public var first: UInt32
        public var count: UInt32
    }

    public var kernel: String
    public var user: UInt32
    public var group: UInt32
    /// The highest Landlock version the kernel offers, 0 for none.
    public var landlock: Int
    /// The namespaces listed in /proc/self/ns.
    public var namespaces: [String]
    public var seccompFilter: Bool
    public var systemPaths: [SystemPath]
    public var configurationPaths: [ConfigurationPath]
    public var subordinateUsers: SubordinateRange?
    public var subordinateGroups: SubordinateRange?
    /// Whether newuidmap(1) and newgidmap(1) are installed; root needs neither.
    public var idMapTools: Bool
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

    public var isRoot: Bool { user == 0 }

    /// Looks at this host. A few dozen system calls.
    public static func probe() throws(SystemError) -> HostFacts {
        var system = utsname()
        uname(&system)
        let kernel = withUnsafePointer(to: &system.release) { $0.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) } }
        let user = getuid()
        let group = getgid()
        let name = try UserDatabase.name(of: user)
        let memory = UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        let namespaces = FileSystem.kind("/proc/self/ns") == .directory ? try FileSystem.list("/proc/self/ns").sorted() : []
        return HostFacts(
            kernel: kernel, user: user, group: group, landlock: max(0, Int(coop_landlock_abi())), namespaces: namespaces,
            seccompFilter: coop_prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
            systemPaths: probeSystemPaths(), configurationPaths: probeConfiguration(),
            subordinateUsers: try subordinateRange(in: "/etc/subuid", user: user, name: name),
            subordinateGroups: try subordinateRange(in: "/etc/subgid", user: user, name: name),
            idMapTools: user == 0 || (FileSystem.isExecutable("/usr/bin/newuidmap") && FileSystem.isExecutable("/usr/bin/newgidmap")),
            memory: memory, devices: HostRoot.devices.filter { FileSystem.kind("/dev/" + $0) == .characterDevice },
            hardProcesses: hardLimit(6), hardFileSize: hardLimit(1), hardData: hardLimit(2), hardCore: hardLimit(4),
            procIsMasked: try findMaskedProc(),
            readOnlyProc: HostRoot.readOnlyProc.filter { FileSystem.kind($0, followLinks: false) != nil },
            hiddenProc: HostRoot.maskedProc.filter { FileSystem.kind($0, followLinks: false) != nil }, netfilter: hasNetfilter())
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

    /// The first range of this user in subuid(5) or subgid(5), by name or number.
    private static func subordinateRange(in file: String, user: UInt32, name: String?) throws(SystemError) -> SubordinateRange? {
        guard FileSystem.kind(file) == .file else { return nil }
        for line in try FileSystem.read(file).split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { String(osBytes: $0) }
            guard fields.count == 3, fields[0] == String(user) || fields[0] == name,
                let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0
            else { continue }
            return SubordinateRange(first: first, count: count)
        }
        return nil
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
    private static func findMaskedProc() throws(SystemError) -> Bool {
        try MountInfo.read().contains { $0.mountPoint.hasPrefix("/proc/") && !emptyPlaces.contains($0.type) }
    }
}
