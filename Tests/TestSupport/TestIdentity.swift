import Glibc
import LinuxKernel

/// Who runs coop in a test. What holds for one must hold for each: they differ in how the kernel separates the warden
/// from the command, and in what the host would allow.
public enum TestIdentity: String, Sendable, CaseIterable, CustomStringConvertible {
    /// The host's root.
    case root
    /// An ordinary user without subordinate ids: one id for the warden and the command.
    case user
    /// An ordinary user with subordinate ids: the warden is another user than the command.
    case subordinate

    /// Those that can be had here: root becomes any of them, everybody else is only himself.
    public static let all: [TestIdentity] = {
        guard getuid() == 0 else { return [account(of: .subordinate, is: getuid()) ? .subordinate : .user] }
        return [.root, .user, .subordinate].filter { $0 == .root || entry($0.accountName) != nil }
    }()

    /// Those that are not the host's root.
    public static var ordinary: [TestIdentity] { all.filter { $0 != .root } }

    public var description: String { rawValue }

    /// The account that Scripts/test-users.sh makes for it.
    public var accountName: String {
        switch self {
        case .root: "root"
        case .user: "cooptest"
        case .subordinate: "coopsub"
        }
    }

    /// Whether this process has to change its user to become it.
    var differsFromInvoker: Bool { getuid() == 0 && self != .root }

    public var user: uid_t { differsFromInvoker ? TestIdentity.entry(accountName)?.user ?? 65534 : getuid() }
    public var group: gid_t { differsFromInvoker ? TestIdentity.entry(accountName)?.group ?? 65534 : getgid() }

    /// The words that run a command as this identity.
    public func arguments(_ command: [String]) -> [String] {
        guard differsFromInvoker else { return command }
        return ["/usr/bin/setpriv", "--reuid", accountName, "--regid", String(group), "--init-groups", "--"] + command
    }

    private static func entry(_ name: String) -> (user: uid_t, group: gid_t)? {
        var record = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwnam_r(name, &record, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return (record.pw_uid, record.pw_gid)
    }

    private static func account(of identity: TestIdentity, is user: uid_t) -> Bool { entry(identity.accountName)?.user == user }
}
