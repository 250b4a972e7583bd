import Glibc
import LinuxKernel

extension SystemdScope {
    /// The controllers that the user's systemd could give to a scope; empty where there is none to ask.
    static func controllers(user: UInt32) -> [CgroupHost.Controller] {
        let root = "/sys/fs/cgroup"
        guard FileSystem.kind(root + "/cgroup.controllers") == .file,
            sockets(uid: user, runtimeDirectory: getenv("XDG_RUNTIME_DIR").map { String(osBytes: UnsafePointer($0)) })
                .contains(where: { FileSystem.kind($0.path) == .socket })
        else { return [] }
        // The system's manager has what the kernel has; a user's, what the system's has delegated to it.
        let manager =
            user == 0 ? root + "/cgroup.controllers" : root + "/user.slice/user-\(user).slice/user@\(user).service/cgroup.controllers"
        guard let enabled = try? FileSystem.read(manager) else { return [] }
        let names = String(decoding: enabled, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
        return CgroupHost.Controller.allCases.filter { names.contains(Substring($0.rawValue)) }
    }
}
