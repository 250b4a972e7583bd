import CLinux
import Glibc
import Seccomp

/// What a worker takes from itself before it reads a byte that anybody else wrote.
public struct Confinement: Sendable {
    /// A step that did not work; the worker then ends without having read anything.
    public struct Failure: Error, Sendable {
        public var step: String
        public var errno: Int32
    }

    /// The highest descriptor that stays open.
    private let highest: Int32
    /// How many descriptors it may have.
    private let descriptors: UInt64
    /// Its data at most, in bytes: a runaway allocation ends the worker alone.
    private let memory: UInt64
    /// The user has accepted that the kernel has no Landlock; the system call filter still refuses every call that takes a path.
    private let withoutLandlock: Bool

    public init(highest: Int32, descriptors: UInt64, memory: UInt64, withoutLandlock: Bool) {
        self.highest = highest
        self.descriptors = descriptors
        self.memory = memory
        self.withoutLandlock = withoutLandlock
    }

    /// The first half, for the only thread that there is yet: descriptors, limits, and the file system. Landlock is for the
    /// calling thread and those it makes later.
    public func restrictProcess() throws(Failure) {
        try step("close_range") { coop_close_range(UInt32(highest) + 1, .max, 0) }
        try step("PR_SET_NO_NEW_PRIVS") { coop_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
        try step("PR_SET_DUMPABLE") { coop_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) }
        // A backup only: the end of its channel is what tells of its parent's death.
        try step("PR_SET_PDEATHSIG") { coop_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0, 0, 0) }
        signal(SIGPIPE, SIG_IGN)
        try limitResources()
        try restrictFiles()
    }

    /// The second half, once every thread exists: the system call filter, for all of them.
    public func restrictSystemCalls(to policy: SyscallAllowList) throws(Failure) {
        let program = policy.program()
        let result = program.withUnsafeBytes { coop_seccomp_install_all($0.baseAddress, UInt16(program.count / 8)) }
        guard result == 0 else { throw Failure(step: "seccomp", errno: result > 0 ? ESRCH : errno) }
    }

    private func limitResources() throws(Failure) {
        // Exactly 1 is the one value with which no core_pattern program is started (core(5)).
        try step("RLIMIT_CORE") { coop_setrlimit(Int32(RLIMIT_CORE.rawValue), 1, 1) }
        try limit("RLIMIT_NOFILE", Int32(RLIMIT_NOFILE.rawValue), descriptors)
        try limit("RLIMIT_DATA", Int32(RLIMIT_DATA.rawValue), memory)
    }

    private func limit(_ name: String, _ resource: Int32, _ wanted: UInt64) throws(Failure) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try step(name) { coop_getrlimit(resource, &soft, &hard) }
        let value = min(hard, wanted)
        try step(name) { coop_setrlimit(resource, value, value) }
    }

    private func restrictFiles() throws(Failure) {
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

    private func step(_ name: String, _ body: () -> Int32) throws(Failure) {
        if body() < 0 { throw Failure(step: name, errno: errno) }
    }
}
