import Seccomp
import WorkerConfinement

/// The system calls of the terminal worker after it has confined itself: it reads its standard input, writes its standard output, waits
/// and allocates. It cannot open or make anything, nor start, signal or look at a process.
enum TerminalSystemCalls {
    static let policy = SyscallAllowList([
        .init("read write poll ppoll munmap mremap madvise brk futex getrandom clock_gettime rt_sigreturn restart_syscall exit exit_group"),
        .init("mmap mprotect", .withoutExecution),
    ])
}
