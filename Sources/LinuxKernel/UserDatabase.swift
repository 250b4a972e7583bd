/// /etc/passwd and /etc/group, read directly: the C library's own look-up loads modules at run time, which a static
/// program cannot rely on.
public enum UserDatabase {
    /// One line of passwd(5).
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var user: UInt32
        public var group: UInt32
        public var home: String
        public var shell: String
    }

    /// The entry of a user; nil when the file does not list it (a directory service may).
    public static func entry(of user: UInt32, in path: String = "/etc/passwd") throws(SystemError) -> Entry? {
        guard let fields = try line(withNumber: user, atLeast: 7, in: path), let group = UInt32(String(osBytes: fields[3])) else {
            return nil
        }
        return Entry(
            name: String(osBytes: fields[0]), user: user, group: group, home: String(osBytes: fields[5]), shell: String(osBytes: fields[6]))
    }

    public static func name(of user: UInt32) throws(SystemError) -> String? { try entry(of: user)?.name }

    /// The name of a group; nil when the file does not list it.
    public static func groupName(of group: UInt32, in path: String = "/etc/group") throws(SystemError) -> String? {
        try line(withNumber: group, atLeast: 3, in: path).map { String(osBytes: $0[0]) }
    }

    /// The fields of the first line whose third field is `number`. Both files are small, but every start reads them: the
    /// lines that are not meant stay bytes.
    private static func line(withNumber number: UInt32, atLeast count: Int, in path: String) throws(SystemError) -> [ArraySlice<UInt8>]? {
        let wanted = Array(String(number).utf8)
        for line in try FileSystem.read(path).split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            if fields.count >= count, fields[2].elementsEqual(wanted) { return fields }
        }
        return nil
    }
}
