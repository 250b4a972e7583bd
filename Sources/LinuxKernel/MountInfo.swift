/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
public struct MountInfo: Sendable, Equatable {
    public var id: Int
    public var parent: Int
    /// The path within the file system that forms the root of this mount.
    public var root: String
    public var mountPoint: String
    /// Per-mount options: `ro`, `nosuid`, …
    public var options: [String]
    public var type: String
    public var source: String
    /// Options of the file system itself.
    public var superOptions: String
    /// Whether the mount still exchanges events with others (`shared:` or `master:`).
    public var propagates: Bool

    /// Parses one line; nil when it does not have the documented shape.
    public init?(line: Substring) { self.init(bytes: String(line).osBytes[...]) }

    /// Parses the bytes of one line. Every start of a sandbox reads a hundred: fields are bytes until they are kept.
    init?(bytes: ArraySlice<UInt8>) {
        let fields = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count >= 10, let id = MountInfo.number(fields[0]), let parent = MountInfo.number(fields[1]),
            let separator = fields[6...].firstIndex(where: { $0.count == 1 && $0.first == UInt8(ascii: "-") }),
            fields.count >= separator + 4
        else { return nil }
        self.id = id
        self.parent = parent
        root = MountInfo.unescape(fields[3])
        mountPoint = MountInfo.unescape(fields[4])
        options = fields[5].split(separator: UInt8(ascii: ",")).map { String(osBytes: $0) }
        propagates = fields[6..<separator].contains { $0.starts(with: "shared:".utf8) || $0.starts(with: "master:".utf8) }
        type = String(osBytes: fields[separator + 1])
        source = MountInfo.unescape(fields[separator + 2])
        superOptions = String(osBytes: fields[separator + 3])
    }

    /// All mounts of a process, in the order they were made.
    public static func read(_ path: String = "/proc/self/mountinfo") throws(SystemError) -> [MountInfo] {
        try FileSystem.read(path).split(separator: UInt8(ascii: "\n")).compactMap { MountInfo(bytes: $0) }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        guard !field.isEmpty, field.count < 18 else { return nil }
        var value = 0
        for byte in field {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    static func unescape(_ field: ArraySlice<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return String(osBytes: field) }
        var bytes: [UInt8] = []
        var input = field
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
