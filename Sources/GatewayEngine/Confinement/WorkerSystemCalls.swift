import Seccomp
import WorkerConfinement

/// The system calls of the worker after it has confined itself.
///
/// It accepts connections, moves bytes, waits and allocates. It cannot open a file, make or connect a socket, start a program,
/// process or thread, look at another process, or signal anything but itself.
enum WorkerSystemCalls {
    /// - Parameter process: the worker's own id, the only one that it may signal.
    static func policy(process: Int32) -> SyscallAllowList {
        SyscallAllowList([
            .init(plain),
            .init("clone3", SyscallRule(.errno(enosys))),
            .init("mmap mprotect pkey_mprotect", .withoutExecution),
            .init("fcntl", fcntl), .init("ioctl", ioctl), .init("prctl", prctl), .init("prlimit64", prlimit),
            .init("sendto", withoutFastOpen(argument: 3)), .init("sendmsg", withoutFastOpen(argument: 2)),
            .init("sendmmsg", withoutFastOpen(argument: 3)), .init("setsockopt", setsockopt),
            .init("tgkill", onlyOwn(process)), .init("madvise"),
        ])
    }

    private static let plain: StaticString = """
        read write readv writev close recvfrom recvmsg recvmmsg accept4 shutdown getsockopt getsockname getpeername \
        epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 timerfd_settime splice pipe2 poll ppoll \
        munmap mremap mlock brk futex futex_wait futex_wake membarrier rseq set_robust_list sched_yield sched_getaffinity \
        rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall getrandom clock_gettime clock_getres clock_nanosleep \
        nanosleep gettimeofday getpid gettid exit exit_group fstat lseek
        """

    private static let enosys: UInt16 = 38
    private static let eperm = SeccompAction.errno(1)

    /// The kernel takes most arguments as 32-bit integers and ignores their upper half.
    private static func int(_ index: Int, _ comparison: ArgumentTest.Comparison, _ value: UInt32) -> ArgumentTest {
        ArgumentTest(index, comparison, UInt64(value), mask: 0xFFFF_FFFF)
    }

    private static func only(_ index: Int, _ values: [UInt32], _ summary: String) -> SyscallRule {
        SyscallRule(summary, values.map { .init([int(index, .equal, $0)], .allow) }, otherwise: eperm)
    }

    /// F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ.
    private static let fcntl = only(1, [0, 1, 2, 3, 4, 1030, 1031, 1032], "flags and sizes of descriptors")

    /// FIONREAD, FIONBIO.
    private static let ioctl = only(1, [0x541B, 0x5421], "bytes that wait, and not blocking")

    /// PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (names of allocations).
    private static let prctl = only(0, [15, 16, 0x5356_4D41], "names")

    /// Reading the worker's own limits.
    private static let prlimit = SyscallRule(
        "reading its own limits", [.init([int(0, .equal, 0), ArgumentTest(2, .equal, 0)], .allow)], otherwise: eperm)

    /// MSG_FASTOPEN would connect a socket.
    private static func withoutFastOpen(argument: Int) -> SyscallRule {
        SyscallRule(
            "all but MSG_FASTOPEN", [.init([ArgumentTest(argument, .equal, 0, mask: 0x2000_0000)], .allow)], otherwise: eperm)
    }

    /// SOL_SOCKET: REUSEADDR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, REUSEPORT, RCVLOWAT; IPPROTO_TCP: NODELAY, KEEPIDLE,
    /// KEEPINTVL, KEEPCNT, QUICKACK, NOTSENT_LOWAT; IPPROTO_IP: PKTINFO. Not filters, transparency or marks.
    private static let setsockopt: SyscallRule = {
        let allowed: [(level: UInt32, options: [UInt32])] = [(1, [2, 7, 8, 9, 13, 15, 18]), (6, [1, 4, 5, 6, 12, 25]), (0, [8])]
        let clauses = allowed.flatMap { entry in
            entry.options.map { SyscallRule.Clause([int(1, .equal, entry.level), int(2, .equal, $0)], .allow) }
        }
        return SyscallRule("buffers, keep-alive, linger and delays", clauses, otherwise: eperm)
    }()

    private static func onlyOwn(_ process: Int32) -> SyscallRule {
        SyscallRule("itself", [.init([int(0, .equal, UInt32(bitPattern: process))], .allow)], otherwise: eperm)
    }
}
