import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

extension PlanExecutor {
    /// Towards files this process is the command's user, and loses its power over those of others (setfsuid(2)).
    func beWorkload() {
        guard plan.separatesWarden else { return }
        _ = coop_setfsgid(plan.workload.group)
        _ = coop_setfsuid(plan.workload.user)
    }

    func beWarden() {
        guard plan.separatesWarden else { return }
        _ = coop_setfsuid(plan.warden.user)
        _ = coop_setfsgid(plan.warden.group)
    }

    /// A mount that was made outside.
    func takeMount(_ target: String) throws(SystemError) -> Descriptor {
        guard let mount = given.popLast() else { throw SystemError("move_mount", target, errno: EBADF) }
        return mount
    }

    /// The layers are named by descriptors, so that a path may hold what separates options, and mountinfo inside tells nothing of the host.
    ///
    /// The kernel does what an overlay needs with the rights of whoever mounts it: as the command's user, so that everything in it belongs to
    /// that user, and with the capabilities of the namespace, so that a file which its owner may not read can be copied up.
    func overlay(lower: String, upper: String, work: String, restrictions: MountRestrictions) throws -> Descriptor {
        let flags = Int32(COOP_O_PATH) | O_DIRECTORY
        let layers = try [lower, upper, work].map { path throws(SystemError) in try hostPath(path, flags: flags) }
        let permitted = try ProcessStatus.read().permitted
        beWorkload()
        defer { beWarden() }
        try check("capset") { coop_capset(permitted, permitted, 0) }
        let names = layers.map { "/proc/self/fd/\($0.number)" }
        let options: [(String, String?)] = [
            ("lowerdir", names[0]), ("upperdir", names[1]), ("workdir", names[2]), ("userxattr", nil), ("index", "off"),
            ("metacopy", "off"),
        ]
        return try withExtendedLifetime(layers) { try newFileSystem("overlay", options: options, restrictions: restrictions) }
    }
}
