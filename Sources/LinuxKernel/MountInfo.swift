/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
///
/// Every start of a sandbox reads a hundred of them: a line stays bytes, and a field becomes a string when somebody asks for it.
public struct MountInfo: Sendable {
    private let line: [UInt8]
    /// Where each field begins and ends.
    private let fields: [Range<Int>]
    /// The index of the field after the `-` that ends the optional ones.
    private let rest: Int
    /// Whether the mount still exchanges events with others (`shared:` or `master:`).
    public let propagates: Bool

    /// Parses one line; nil when it does not have the documented shape.
    public init?(line: Substring) { self.init(bytes: String(line).osBytes[...]) }

    init?(bytes: ArraySlice<UInt8>) {
        let line = Array(bytes)
        let fields = MountInfo.split(line, at: UInt8(ascii: " "), in: 0..<line.count)
        guard fields.count >= 10, MountInfo.isNumber(line[fields[0]]), MountInfo.isNumber(line[fields[1]]),
            let separator = fields[6...].firstIndex(where: { $0.count == 1 && line[$0.lowerBound] == UInt8(ascii: "-") }),
            fields.count >= separator + 4
        else { return nil }
        self.line = line
        self.fields = fields
        rest = separator + 1
        propagates = fields[6..<separator].contains {
            line[$0].starts(with: "shared:".utf8) || line[$0].starts(with: "master:".utf8)
        }
    }

    /// All mounts of a process, in the order they were made.
    public static func read(_ path: String = "/proc/self/mountinfo") throws(SystemError) -> [MountInfo] {
        let text = try FileSystem.read(path)
        return split(text, at: UInt8(ascii: "\n"), in: 0..<text.count).compactMap { MountInfo(bytes: text[$0]) }
    }

    /// The path within the file system that forms the root of this mount.
    public var root: String { String(osBytes: MountInfo.unescape(line[fields[3]])) }
    public var mountPoint: String { String(osBytes: mountPointBytes) }
    /// The mount point as the kernel has it: strings that differ only in their Unicode normalisation are equal, and two paths.
    public var mountPointBytes: [UInt8] { MountInfo.unescape(line[fields[4]]) }
    public var type: String { String(osBytes: line[fields[rest]]) }
    public var source: String { String(osBytes: MountInfo.unescape(line[fields[rest + 1]])) }
    /// Options of the file system itself.
    public var superOptions: String { String(osBytes: line[fields[rest + 2]]) }

    /// The mount's own options.
    public var options: [String] {
        MountInfo.split(line, at: UInt8(ascii: ","), in: fields[5]).map { String(osBytes: line[$0]) }
    }

    /// Whether this is one of the mount's own options: `ro`, `nosuid`, …
    public func has(option: String) -> Bool {
        var option = option
        return option.withUTF8 { wanted in
            MountInfo.split(line, at: UInt8(ascii: ","), in: fields[5]).contains { line[$0].elementsEqual(wanted) }
        }
    }

    /// Whether this is one of the file system's own options: `userxattr`, `redirect_dir=on`, …
    public func has(superOption option: String) -> Bool {
        MountInfo.split(line, at: UInt8(ascii: ","), in: fields[rest + 2]).contains { line[$0].elementsEqual(option.utf8) }
    }

    public func isType(_ name: String) -> Bool { line[fields[rest]].elementsEqual(name.utf8) }

    private static func split(_ bytes: [UInt8], at separator: UInt8, in range: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        result.reserveCapacity(12)
        var start = range.lowerBound
        bytes.withUnsafeBufferPointer { bytes in
            for index in range where bytes[index] == separator {
                result.append(start..<index)
                start = index + 1
            }
        }
        result.append(start..<range.upperBound)
        return result
    }

    private static func isNumber(_ field: ArraySlice<UInt8>) -> Bool {
        !field.isEmpty && field.count < 18 && field.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
        guard field.contains(UInt8(ascii: "\\")) else { return Array(field) }
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
        return bytes
    }
}
