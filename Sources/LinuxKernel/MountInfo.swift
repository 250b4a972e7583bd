/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
public struct MountInfo: Sendable, Equatable {
    public var id: Int
    public var parent: Int
    /// The path within the file system that forms the root of this mount.
    public var root: String
    public var mountPoint: String
    /// Per-mount options: `ro`, `nosuid`, …
    public var options: Set<String>
    public var type: String
    public var source: String
    /// Options of the file system itself.
    public var superOptions: String
    /// Whether the mount still exchanges events with others (`shared:` or `master:`).
    public var propagates: Bool

    /// Parses one line; nil when it does not have the documented shape.
    public init?(line: Substring) {
        // By bytes: a name may hold a combining character, which `Character` would join with the space before it.
        let fields = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map { Substring($0) }
        guard fields.count >= 10, let id = Int(fields[0]), let parent = Int(fields[1]),
            let separator = fields[6...].firstIndex(of: "-"), fields.count >= separator + 4
        else { return nil }
        self.id = id
        self.parent = parent
        root = MountInfo.unescape(fields[3])
        mountPoint = MountInfo.unescape(fields[4])
        options = Set(fields[5].split(separator: ",").map(String.init))
        propagates = fields[6..<separator].contains { $0.hasPrefix("shared:") || $0.hasPrefix("master:") }
        type = String(fields[separator + 1])
        source = MountInfo.unescape(fields[separator + 2])
        superOptions = String(fields[separator + 3])
    }

    /// All mounts of a process, in the order they were made.
    public static func read(_ path: String = "/proc/self/mountinfo") throws(SystemError) -> [MountInfo] {
        let text = String(osBytes: try FileSystem.read(path))
        return text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { MountInfo(line: Substring($0)) }
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    static func unescape(_ field: Substring) -> String {
        guard field.utf8.contains(UInt8(ascii: "\\")) else { return String(field) }
        var bytes: [UInt8] = []
        var input = Array(String(field).osBytes)[...]
        while let byte = input.popFirst() {
            let digits = input.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x37 }) {
                let value = digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }
                bytes.append(UInt8(truncatingIfNeeded: value))
                input = input.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(osBytes: bytes)
    }
}
