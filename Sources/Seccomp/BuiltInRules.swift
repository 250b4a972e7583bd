/// The rules of the built-in policy, by name. A later entry replaces an earlier one, which is how groups widen it.
///
/// The allow-list holds what compilers, language runtimes, version control, editors and browsers use without privileges.
/// Capabilities are not counted on: a call that only privilege makes dangerous is denied all the same.
enum BuiltInRules {
    struct Entry {
        /// System calls, separated by spaces; an architecture skips those that it does not have.
        let names: StaticString
        let rule: SyscallRule

        init(_ names: StaticString, _ rule: SyscallRule) {
            self.names = names
            self.rule = rule
        }

        init(_ names: StaticString, _ action: SeccompAction) { self.init(names, SyscallRule(action)) }
    }

    static func entries(groups: [SyscallGroup]) -> [Entry] {
        let ptrace = groups.contains(.ptrace)
        let nested = groups.contains(.nestedUserns)
        var result = [
            Entry(allowed, .allow), Entry(denied, eperm),
            Entry("name_to_handle_at", .errno(ErrorNumber.EOPNOTSUPP)),
            Entry("clone", clone), Entry("ioctl", ioctl), Entry("prctl", prctl), Entry("prlimit64", prlimit), Entry("setrlimit", setrlimit),
            Entry("seccomp", seccomp), Entry("mknod", mknod(mode: 1)), Entry("mknodat", mknod(mode: 2)),
            Entry("socket", socket(raw: groups.contains(.rawSockets))), Entry("socketpair", socketpair),
            Entry("personality", personality(tracing: ptrace)),
            Entry("chmod fchmod creat", setsUserID(mode: 1)), Entry("fchmodat fchmodat2", setsUserID(mode: 2)),
            Entry("open", createsWithUserID(flags: 1)), Entry("openat", createsWithUserID(flags: 2)),
        ]
        if ptrace { result.append(Entry(tracing, .allow)) }
        if nested { result.append(Entry(namespaces, .allow)) }
        if groups.contains(.ioUring) { result.append(Entry("io_uring_setup io_uring_enter io_uring_register", .allow)) }
        if groups.contains(.perf) { result.append(Entry("perf_event_open", .allow)) }
        if groups.contains(.keyring) { result.append(Entry("add_key request_key keyctl", .allow)) }
        return result
    }

    static let eperm = SeccompAction.errno(ErrorNumber.EPERM)

    static let allowed: StaticString = """
        read write close stat fstat lstat newfstatat statx poll ppoll lseek mmap mprotect munmap brk mremap msync mincore \
        madvise mlock mlock2 munlock mlockall munlockall remap_file_pages pkey_mprotect pkey_alloc pkey_free mseal cachestat \
        map_shadow_stack rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo \
        rt_tgsigqueueinfo rt_sigsuspend sigaltstack pause kill tkill tgkill pidfd_open pidfd_send_signal signalfd signalfd4 \
        pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access faccessat faccessat2 pipe pipe2 select pselect6 \
        dup dup2 dup3 close_range fcntl flock fsync fdatasync sync syncfs sync_file_range truncate ftruncate fallocate \
        fadvise64 readahead getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir \
        link linkat unlink unlinkat symlink symlinkat readlink readlinkat chown fchown lchown \
        fchownat umask utime utimes utimensat futimesat statfs fstatfs sendfile splice tee vmsplice \
        copy_file_range setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr \
        lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr memfd_create \
        sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max \
        sched_get_priority_min sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr \
        getpriority setpriority ioprio_set ioprio_get mbind set_mempolicy get_mempolicy set_mempolicy_home_node getcpu \
        nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times alarm getitimer setitimer timer_create \
        timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime \
        fork vfork execve execveat exit exit_group wait4 waitid process_mrelease set_tid_address set_robust_list \
        get_robust_list restart_syscall rseq rseq_slice_yield membarrier futex futex_waitv futex_wake futex_wait \
        futex_requeue arch_prctl uretprobe uprobe \
        shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend \
        mq_timedreceive mq_notify mq_getsetattr connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg \
        shutdown bind listen getsockname getpeername setsockopt getsockopt \
        getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid getgid geteuid getegid getresuid getresgid \
        getgroups setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capget capset \
        uname sysinfo getrlimit getrusage getrandom landlock_create_ruleset landlock_add_rule \
        landlock_restrict_self lsm_get_self_attr lsm_list_modules eventfd eventfd2 epoll_create epoll_create1 epoll_ctl \
        epoll_wait epoll_pwait epoll_pwait2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch \
        io_setup io_destroy io_getevents io_pgetevents io_submit io_cancel
        """

    /// Calls that exist and are refused, with the error that an unprivileged program expects. clone3 is not among them:
    /// it hides its flags behind a pointer, and C libraries fall back to clone only on `ENOSYS`.
    static let denied: StaticString = """
        keyctl add_key request_key bpf userfaultfd io_uring_setup io_uring_enter io_uring_register perf_event_open \
        mount umount2 pivot_root move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr chroot \
        unshare setns sethostname setdomainname ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd \
        kexec_load kexec_file_load init_module finit_module delete_module create_module swapon swapoff reboot \
        settimeofday clock_settime adjtimex clock_adjtime acct quotactl quotactl_fd nfsservctl iopl ioperm lookup_dcookie \
        open_by_handle_at fanotify_init fanotify_mark syslog vhangup modify_ldt uselib ustat sysfs move_pages migrate_pages
        """

    static let tracing: StaticString = "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd"

    /// mknod is here because overlay file systems mark deleted files with a device 0:0, the one that needs no privilege.
    static let namespaces: StaticString = """
        clone clone3 unshare setns mount umount2 pivot_root move_mount open_tree open_tree_attr fsopen fsconfig fsmount \
        fspick mount_setattr statmount listmount chroot sethostname setdomainname mknod mknodat
        """

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET; CLONE_NEWTIME is clone3's and unshare's only.
    private static let newNamespaces: UInt32 = 0x7E02_0000

    private static var clone: SyscallRule {
        SyscallRule(
            "threads and processes; no new namespaces (CLONE_NEW*)",
            [.init([.bits(0, newNamespaces, .equal, 0)], .allow)], otherwise: eperm)
    }

    /// The request is an unsigned int: the upper half must not count (CVE-2019-10063).
    private static var ioctl: SyscallRule {
        SyscallRule(
            "all but TIOCSTI and TIOCLINUX, which type into a terminal",
            [.init([.int(1, .equal, 0x5412)], eperm), .init([.int(1, .equal, 0x541C)], eperm)], otherwise: .allow)
    }

    private static var prctl: SyscallRule {
        SyscallRule("all but PR_SET_MM, which forges a process's memory map", [.init([.int(0, .equal, 35)], eperm)], otherwise: .allow)
    }

    /// Without subordinate ids the workload has the kernel uid of PID 1 and could end it by limits.
    private static var prlimit: SyscallRule {
        SyscallRule(
            "reading limits of any process, setting those of the caller (pid 0); the core limit stays as it is",
            [
                .init([ArgumentTest(2, .equal, 0)], .allow), .init([.int(0, .equal, 0), .int(1, .equal, coreLimit)], .errno(0)),
                .init([.int(0, .equal, 0)], .allow),
            ], otherwise: eperm)
    }

    /// The core limit is exactly 1: the one value with which the kernel starts no core_pattern program of the host
    /// (core(5)). Lowering it to 0 would start one again, so such a call succeeds without an effect.
    private static var setrlimit: SyscallRule {
        SyscallRule("all limits; the core limit stays as it is", [.init([.int(0, .equal, coreLimit)], .errno(0))], otherwise: .allow)
    }

    /// RLIMIT_CORE.
    private static let coreLimit: UInt32 = 4

    /// A listener (SECCOMP_FILTER_FLAG_NEW_LISTENER) would answer calls for other processes.
    private static var seccomp: SyscallRule {
        SyscallRule(
            "further filters; no listener (SECCOMP_FILTER_FLAG_NEW_LISTENER)",
            [.init([.int(0, .equal, 1), .bits(1, 8, .equal, 8)], eperm)], otherwise: .allow)
    }

    private static func mknod(mode: Int) -> SyscallRule {
        SyscallRule(
            "files, FIFOs and sockets; no devices, no set-user-id bit",
            [
                .init([.bits(mode, 0xF000, .equal, 0x2000)], eperm), .init([.bits(mode, 0xF000, .equal, 0x6000)], eperm),
                .init([.bits(mode, setUserID, .equal, setUserID)], eperm),
            ], otherwise: .allow)
    }

    /// S_ISUID. Inside it has no effect, but the workspace is the host's: there the program would run as this user for
    /// everybody, and as root for everybody when root runs coop. openat2 hides its mode behind a pointer and is not in the
    /// list: it gives `ENOSYS`, and C libraries and runtimes fall back to openat.
    private static let setUserID: UInt32 = 0o4000

    private static func setsUserID(mode: Int) -> SyscallRule {
        SyscallRule("any mode without the set-user-id bit", [.init([.bits(mode, setUserID, .equal, setUserID)], eperm)], otherwise: .allow)
    }

    /// The mode counts only with O_CREAT (0x40) and __O_TMPFILE (0x400000). One test for both: every opening of a file passes it.
    private static func createsWithUserID(flags: Int) -> SyscallRule {
        SyscallRule(
            "all but the creation of a file with the set-user-id bit",
            [.init([.bits(flags, 0x40_0040, .notEqual, 0), .bits(flags + 1, setUserID, .equal, setUserID)], eperm)], otherwise: .allow)
    }

    /// AF_UNIX 1, AF_INET 2, AF_INET6 10, AF_NETLINK 16, AF_PACKET 17; SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3 in the low
    /// four bits of the type. AF_INET with SOCK_PACKET (10) is AF_PACKET to the kernel, hence the list of types.
    /// NETLINK_ROUTE is opened as SOCK_RAW by the C library itself.
    private static func socket(raw: Bool) -> SyscallRule {
        let type: UInt32 = 0xF
        var clauses: [SyscallRule.Clause] = [
            .init([.int(0, .equal, 1)], .allow),
            .init([.int(0, .equal, 16), .int(2, .equal, 0)], .allow),
            .init([.int(0, .equal, 16)], .errno(ErrorNumber.EPROTONOSUPPORT)),
        ]
        if raw { clauses.append(.init([.int(0, .equal, 17)], .allow)) }
        clauses.append(.init([.int(0, .notEqual, 2), .int(0, .notEqual, 10)], .errno(ErrorNumber.EAFNOSUPPORT)))
        clauses.append(.init([.bits(1, type, .equal, 3)], raw ? .allow : eperm))
        clauses.append(
            .init([.bits(1, type, .notEqual, 1), .bits(1, type, .notEqual, 2)], .errno(ErrorNumber.ESOCKTNOSUPPORT)))
        // The default protocol, TCP, UDP, ICMP (ping) and ICMPv6; not SCTP, MPTCP, SMC, DCCP and the like.
        for number: UInt32 in [0, 6, 17, 1, 58] { clauses.append(.init([.int(2, .equal, number)], .allow)) }
        return SyscallRule(
            raw
                ? "AF_UNIX, AF_NETLINK (route only), AF_PACKET; AF_INET and AF_INET6 with TCP, UDP, ICMP and raw"
                : "AF_UNIX, AF_NETLINK (route only); AF_INET and AF_INET6 with TCP, UDP and ICMP",
            clauses, otherwise: .errno(ErrorNumber.EPROTONOSUPPORT))
    }

    private static var socketpair: SyscallRule {
        SyscallRule("AF_UNIX", [.init([.int(0, .equal, 1)], .allow)], otherwise: .errno(ErrorNumber.EAFNOSUPPORT))
    }

    /// PER_LINUX, PER_LINUX32, each with and without UNAME26, and the query; debuggers turn off address randomisation.
    private static func personality(tracing: Bool) -> SyscallRule {
        let values: [UInt32] = [0, 8, 0x20000, 0x20008, 0xFFFF_FFFF] + (tracing ? [0x40000, 0x40008] : [])
        return SyscallRule(
            tracing ? "PER_LINUX, PER_LINUX32, UNAME26, ADDR_NO_RANDOMIZE and the query" : "PER_LINUX, PER_LINUX32, UNAME26 and the query",
            values.map { .init([.int(0, .equal, $0)], .allow) }, otherwise: eperm)
    }
}
