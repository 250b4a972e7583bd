/// The fields of `/proc/PID/status` that coop looks at (proc_pid_status(5)).
public struct ProcessStatus: Sendable, Equatable {
    /// Capability sets as bit masks (capabilities(7)).
    public var inheritable: UInt64 = 0
    public var permitted: UInt64 = 0
    public var effective: UInt64 = 0
    public var bounding: UInt64 = 0
    public var ambient: UInt64 = 0
    public var noNewPrivileges = false
    /// 0 none, 1 strict, 2 filter.
    public var seccompMode = 0
    public var seccompFilters = 0
    public var threads = 1
    /// Real, effective, saved and file system ids.
    public var uids: [UInt32] = []
    public var gids: [UInt32] = []

    public init(text: String) { self.init(bytes: Array(text.utf8)) }

    /// Parses the file as bytes: it is read several times on every start, and most of its lines are of no interest.
    public init(bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = line[..<colon]
            guard let field = ProcessStatus.fields.first(where: { $0.utf8.count == name.count && name.elementsEqual($0.utf8) }) else {
                continue
            }
            let value = String(osBytes: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
            switch field {
            case "CapInh": inheritable = UInt64(value, radix: 16) ?? .max
            case "CapPrm": permitted = UInt64(value, radix: 16) ?? .max
            case "CapEff": effective = UInt64(value, radix: 16) ?? .max
            case "CapBnd": bounding = UInt64(value, radix: 16) ?? .max
            case "CapAmb": ambient = UInt64(value, radix: 16) ?? .max
            case "NoNewPrivs": noNewPrivileges = value == "1"
            case "Seccomp": seccompMode = Int(value) ?? 0
            case "Seccomp_filters": seccompFilters = Int(value) ?? 0
            case "Threads": threads = Int(value) ?? 0
            case "Uid": uids = ProcessStatus.ids(value)
            case "Gid": gids = ProcessStatus.ids(value)
            default: break
            }
        }
    }

    private static let fields = [
        "Uid", "Gid", "Threads", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
    ]

    private static func ids(_ value: String) -> [UInt32] {
        value.split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap { UInt32($0) }
    }

    public static func read(_ path: String = "/proc/self/status") throws(SystemError) -> ProcessStatus {
        ProcessStatus(bytes: try FileSystem.read(path))
    }
}
