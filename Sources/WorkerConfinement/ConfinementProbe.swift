import CLinux
import Glibc

/// Tries, after confinement, what a taken-over worker would try. Only for tests and `coop doctor`: the attempts are harmless
/// where they succeed.
public enum ConfinementProbe {
    public struct Attempt: Sendable {
        public var name: String
        /// The error number; 0 when the attempt succeeded.
        public var errno: Int32

        public init(_ name: String, errno: Int32) {
            self.name = name
            self.errno = errno
        }
    }

    /// Makes every attempt.
    ///
    /// - Parameter channel: a descriptor that the worker has.
    public static func run(channel: Int32) -> [Attempt] {
        var results: [Attempt] = []
        func attempt(_ name: String, _ body: () -> Int) {
            errno = 0
            let result = body()
            results.append(Attempt(name, errno: result < 0 ? errno : 0))
        }
        attempt("open") { Int(open("/etc/passwd", O_RDONLY)) }
        attempt("open-write") { Int(open("/dev/null", O_WRONLY)) }
        attempt("openat2") { Int(coop_openat2(AT_FDCWD, "/", UInt64(O_RDONLY), 0, 0)) }
        attempt("stat") {
            var status = stat()
            return Int(stat("/", &status))
        }
        attempt("unlink") { Int(unlink("/nonexistent-coop-probe")) }
        attempt("mkdir") { Int(mkdir("/nonexistent-coop-probe/x", 0o700)) }
        attempt("socket") { Int(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)) }
        attempt("socket-unix") { Int(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)) }
        attempt("socketpair") {
            var ends: [Int32] = [0, 0]
            return Int(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends))
        }
        attempt("connect") {
            var address = sockaddr()
            return Int(connect(channel, &address, socklen_t(MemoryLayout<sockaddr>.size)))
        }
        attempt("bind") {
            var address = sockaddr()
            return Int(bind(channel, &address, socklen_t(MemoryLayout<sockaddr>.size)))
        }
        attempt("listen") { Int(listen(channel, 1)) }
        attempt("execve") {
            var arguments: [UnsafeMutablePointer<CChar>?] = [nil]
            return Int(execve("/bin/true", &arguments, &arguments))
        }
        attempt("fork") {
            let child = coop_fork()
            if child == 0 { _exit(0) }
            return Int(child)
        }
        attempt("thread") {
            var thread = pthread_t()
            let failure = pthread_create(&thread, nil, { _ in nil }, nil)
            if failure != 0 { errno = failure }
            return failure == 0 ? 0 : -1
        }
        attempt("ptrace") { coop_attempt(coop_attempt_ptrace) }
        attempt("process_vm_readv") { coop_attempt(coop_attempt_read_process) }
        attempt("kill-parent") { Int(kill(getppid(), 0)) }
        attempt("kill-init") { Int(kill(1, 0)) }
        attempt("kill-group") { Int(kill(0, 0)) }
        attempt("pidfd_open") { Int(coop_pidfd_open(1)) }
        attempt("unshare") { Int(coop_unshare(0x1000_0000)) }
        attempt("chroot") { Int(chroot("/")) }
        attempt("setuid") { Int(coop_setresuid(getuid())) }
        attempt("bpf") { coop_attempt(coop_attempt_bpf) }
        attempt("io_uring") { coop_attempt(coop_attempt_io_uring) }
        attempt("memfd") { Int(coop_memory_file("probe")) }
        attempt("mmap-exec") { mmap(nil, 4096, PROT_READ | PROT_EXEC, Int32(MAP_PRIVATE) | 0x20, -1, 0) == MAP_FAILED ? -1 : 0 }
        attempt("prctl-dumpable") { Int(coop_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) }
        attempt("setrlimit") { Int(coop_setrlimit(Int32(RLIMIT_CORE.rawValue), 0, 0)) }
        attempt("setsockopt-mark") { coop_attempt(coop_attempt_mark) }
        attempt("fast-open") {
            var byte: UInt8 = 0
            return send(channel, &byte, 1, 0x2000_0000)
        }
        return results
    }

    /// What Landlock alone refuses, before the system call filter.
    public static func runFiles() -> [Attempt] {
        let read = open("/etc/passwd", O_RDONLY | O_CLOEXEC)
        var results = [Attempt("read", errno: read < 0 ? errno : 0)]
        let list = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        results.append(Attempt("list", errno: list < 0 ? errno : 0))
        let write = open("/dev/null", O_WRONLY | O_CLOEXEC)
        results.append(Attempt("write", errno: write < 0 ? errno : 0))
        for number in [read, list, write] where number >= 0 { close(number) }
        return results
    }

    /// Writes the attempts to standard output: group, name and error number, one a line.
    public static func print(_ groups: [(String, [Attempt])]) {
        var text = ""
        for (group, attempts) in groups {
            for attempt in attempts { text += "\(group) \(attempt.name) \(attempt.errno)\n" }
        }
        _ = write(1, text, text.utf8.count)
    }
}
