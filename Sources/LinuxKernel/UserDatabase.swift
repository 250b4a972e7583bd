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
        for line in String(osBytes: try FileSystem.read(path)).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 7, UInt32(fields[2]) == user, let group = UInt32(fields[3]) else { continue }
            return Entry(name: String(fields[0]), user: user, group: group, home: String(fields[5]), shell: String(fields[6]))
        }
        return nil
    }

    public static func name(of user: UInt32) throws(SystemError) -> String? { try entry(of: user)?.name }

    /// The name of a group; nil when the file does not list it.
    public static func groupName(of group: UInt32, in path: String = "/etc/group") throws(SystemError) -> String? {
        for line in String(osBytes: try FileSystem.read(path)).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, UInt32(fields[2]) == group { return String(fields[0]) }
        }
        return nil
    }
}
