import CLinux
import Glibc
import LinuxKernel
import Seccomp

/// What the worker takes from itself before it reads a byte that anybody else wrote.
public enum Confinement {
    /// A step that did not work; the worker then ends without having read anything.
    public struct Failure: Error, Sendable {
        public var step: String
        public var errno: Int32
    }

    /// The channel's descriptor; those below are the standard streams, and nothing else stays open.
    public static let channel: Int32 = 3

    /// The worker's data at most, in bytes: thousands of TLS connections fit, a runaway allocation ends the worker alone.
    private static let memoryLimit: UInt64 = 4 << 30

    /// The first half, for the only thread that there is yet: descriptors, limits, and the file system. Landlock is for the
    /// calling thread and those it makes later.
    ///
    /// - Parameter withoutLandlock: the user has accepted that the kernel has none; the system call filter still refuses
    ///   every call that takes a path.
    public static func restrictProcess(withoutLandlock: Bool) throws(Failure) {
        try step("close_range") { coop_close_range(UInt32(channel) + 1, .max, 0) }
        try step("fcntl") { fcntl(channel, F_SETFD, FD_CLOEXEC) }
        try step("PR_SET_NO_NEW_PRIVS") { coop_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
        try step("PR_SET_DUMPABLE") { coop_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) }
        // A backup only: the end of the channel is what tells of the supervisor's death.
        try step("PR_SET_PDEATHSIG") { coop_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0, 0, 0) }
        signal(SIGPIPE, SIG_IGN)
        try limitResources()
        try restrictFiles(withoutLandlock: withoutLandlock)
    }

    /// The second half, once every thread exists: the system call filter, for all of them.
    public static func restrictSystemCalls() throws(Failure) {
        let program = WorkerSystemCalls.policy(process: getpid()).program()
        let result = program.withUnsafeBytes { coop_seccomp_install_all($0.baseAddress, UInt16(program.count / 8)) }
        guard result == 0 else { throw Failure(step: "seccomp", errno: result > 0 ? ESRCH : errno) }
    }

    private static func limitResources() throws(Failure) {
        // Exactly 1 is the one value with which no core_pattern program is started (core(5)).
        try step("RLIMIT_CORE") { coop_setrlimit(Int32(RLIMIT_CORE.rawValue), 1, 1) }
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try step("RLIMIT_NOFILE") { coop_getrlimit(Int32(RLIMIT_NOFILE.rawValue), &soft, &hard) }
        let wanted = min(hard, 1 << 16)
        try step("RLIMIT_NOFILE") { coop_setrlimit(Int32(RLIMIT_NOFILE.rawValue), wanted, wanted) }
        try step("RLIMIT_DATA") { coop_getrlimit(Int32(RLIMIT_DATA.rawValue), &soft, &hard) }
        let memory = min(hard, memoryLimit)
        try step("RLIMIT_DATA") { coop_setrlimit(Int32(RLIMIT_DATA.rawValue), memory, memory) }
    }

    private static func restrictFiles(withoutLandlock: Bool) throws(Failure) {
        let version = coop_landlock_abi()
        guard version > 0 else {
            if withoutLandlock { return }
            throw Failure(step: "landlock", errno: errno)
        }
        // Every right that this version knows (landlock(7)), and no rule that gives one back.
        let rights: UInt64 = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13
        let network: UInt64 = version >= 4 ? 3 : 0
        let scopes: UInt64 = version >= 6 ? 3 : 0
        try step("landlock") { coop_deny_by_landlock((1 << rights) - 1, network, scopes) }
    }

    private static func step(_ name: String, _ body: () -> Int32) throws(Failure) {
        if body() < 0 { throw Failure(step: name, errno: errno) }
    }
}
