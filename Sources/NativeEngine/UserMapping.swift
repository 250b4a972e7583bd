import Glibc
import LinuxKernel
import WardenProtocol

/// Who the user is, and which further ids he may map into a user namespace.
public struct UserMapping: Codable, Sendable, Equatable {
    /// A range of subordinate ids (subuid(5)).
    public struct SubordinateRange: Codable, Sendable, Equatable {
        public var first: UInt32
        public var count: UInt32
    }

    public var user: UInt32
    public var group: UInt32
    public var subordinateUsers: SubordinateRange?
    public var subordinateGroups: SubordinateRange?
    /// Whether newuidmap(1) and newgidmap(1) are installed; root needs neither.
    public var idMapTools: Bool

    public var isRoot: Bool { user == 0 }

    /// Whether the warden can run as a subordinate id, so that the kernel keeps the command away from it by user.
    public var separatesWarden: Bool { subordinateUsers != nil && subordinateGroups != nil && idMapTools }

    /// Who the warden is inside: root, or when the user is root already another free number; without subordinate ids the user.
    var wardenIdentity: Identity {
        let separateID: UInt32 = isRoot ? 1 : 0
        return separatesWarden ? Identity(user: separateID, group: separateID) : Identity(user: user, group: group)
    }

    static func probe() throws(SystemError) -> UserMapping {
        let user = getuid()
        let name = try UserDatabase.name(of: user)
        return UserMapping(
            user: user, group: getgid(), subordinateUsers: try range(in: "/etc/subuid", user: user, name: name),
            subordinateGroups: try range(in: "/etc/subgid", user: user, name: name),
            idMapTools: user == 0 || (FileSystem.isExecutable("/usr/bin/newuidmap") && FileSystem.isExecutable("/usr/bin/newgidmap")))
    }

    /// The first range of this user in subuid(5) or subgid(5), by name or number.
    private static func range(in file: String, user: UInt32, name: String?) throws(SystemError) -> SubordinateRange? {
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
}
