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

    public init(text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            switch line[..<colon] {
            case "CapInh": inheritable = UInt64(value, radix: 16) ?? .max
            case "CapPrm": permitted = UInt64(value, radix: 16) ?? .max
            case "CapEff": effective = UInt64(value, radix: 16) ?? .max
            case "CapBnd": bounding = UInt64(value, radix: 16) ?? .max
            case "CapAmb": ambient = UInt64(value, radix: 16) ?? .max
            case "NoNewPrivs": noNewPrivileges = value == "1"
            case "Seccomp": seccompMode = Int(value) ?? 0
            case "Seccomp_filters": seccompFilters = Int(value) ?? 0
            case "Threads": threads = Int(value) ?? 0
            case "Uid": uids = value.split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap { UInt32($0) }
            case "Gid": gids = value.split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap { UInt32($0) }
            default: break
            }
        }
    }

    public static func read(_ path: String = "/proc/self/status") throws(SystemError) -> ProcessStatus {
        ProcessStatus(text: String(decoding: try FileSystem.read(path), as: UTF8.self))
    }
}
