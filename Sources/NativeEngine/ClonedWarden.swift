import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// A process in new namespaces that waits for its identity, and then becomes the warden's program.
///
/// Making the namespaces is most of what a start costs the kernel, and needs to know nothing but which of them exist: the
/// process is cloned before anything else is looked at, and unshares network and mounts while coop reads its configuration.
final class ClonedWarden {
    /// Its number on the host.
    let pid: Int32
    /// The stream to the warden's program.
    let channel: FrameChannel
    private let handle: Descriptor
    private let syncWriter: Descriptor
    /// Our copy of the warden's end: a write never meets a closed pipe.
    private let syncReader: Descriptor

    /// The names in /proc/self/ns of the namespaces that a sandbox has.
    static let namespaceNames = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"]

    /// Namespaces that the process makes by itself, beside this one: they take the kernel longest.
    private static func isLate(_ name: String) -> Bool { name == "net" || name == "mnt" }

    /// CLONE_NEW* of clone(2), by the name in /proc/self/ns; 0 for another name.
    private static func flag(_ name: String) -> UInt64 {
        switch name {
        case "user": 0x1000_0000
        case "mnt": 0x0002_0000
        case "pid": 0x2000_0000
        case "net": 0x4000_0000
        case "ipc": 0x0800_0000
        case "uts": 0x0400_0000
        case "cgroup": 0x0200_0000
        case "time": 0x80
        default: 0
        }
    }

    /// - Parameters:
    ///   - path: the warden's program.
    ///   - namespaces: the names of those that this kernel has.
    init(path: String, namespaces: [String]) throws {
        guard FileSystem.isExecutable(path) else {
            throw CoopError(.notReady, "cannot find the warden", "\(path.printable) is not an executable file", next: "make install")
        }
        var sockets: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets) }
        channel = FrameChannel(Descriptor(owning: sockets[0]), limit: 1 << 20)
        let theirs = Descriptor(owning: sockets[1])
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        syncReader = Descriptor(owning: ends[0])
        syncWriter = Descriptor(owning: ends[1])

        var flags: UInt64 = 0
        var lateFlags: UInt64 = 0
        for name in namespaces {
            if ClonedWarden.isLate(name) { lateFlags |= ClonedWarden.flag(name) } else { flags |= ClonedWarden.flag(name) }
        }
        let argv: [UnsafeMutablePointer<CChar>?] = [strdup("coop-warden"), nil]
        // Nothing of the caller's environment reaches the sandbox; the plan and the requests carry what does.
        let envp: [UnsafeMutablePointer<CChar>?] = [nil]
        defer { free(argv[0]) }
        var pidfd: Int32 = -1
        let reader = syncReader.number
        let writer = syncWriter.number
        pid = argv.withUnsafeBufferPointer { arguments in
            envp.withUnsafeBufferPointer { environment in
                path.withOSBytes { program in
                    var request = coop_spawn(
                        clone_flags: flags, unshare_flags: Int32(lateFlags), cgroup: -1, channel: theirs.number, sync: reader,
                        sync_writer: writer, program: program, argv: arguments.baseAddress, envp: environment.baseAddress)
                    return coop_spawn_namespaced(&request, &pidfd)
                }
            }
        }
        guard pid > 0 else { throw SystemError("clone3") }
        handle = Descriptor(owning: pidfd)
    }

    /// Lets it become the warden, now that the maps of its user namespace are written.
    func begin(as identity: Identity, dropsGroups: Bool) throws(SystemError) {
        let message = coop_identity(uid: identity.user, gid: identity.group, drop_groups: dropsGroups ? 1 : 0)
        // If it has failed before this, its reason is in the stream.
        try syncWriter.writeAll(withUnsafeBytes(of: message) { Array($0) }, subject: "warden")
    }

    /// Ends it, and whatever it has started.
    func end() {
        coop_pidfd_send_signal(handle.number, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }
}
