import Glibc
import Testing

@testable import Seccomp

/// Installs real filters in child processes, so that the kernel itself is the judge.
@Suite("Filters in the kernel", .enabled(if: LiveFilter.compiler != nil, "needs cc"))
struct LiveFilterTests {
    @Test("let programs run and refuse what the policy refuses")
    func builtIn() throws {
        let live = try LiveFilter([SeccompPolicy.default.program()])
        #expect(try live.run(["/bin/true"]).status == 0)
        #expect(try live.run(["/bin/sh", "-c", "echo hello | cat; exit 7"]) == .init(status: 7, output: "hello\n"))
        let answers = try live.run(["@probe"]).output
        #expect(
            answers == """
                getpid 0
                unknown ENOSYS
                minus-one ENOSYS
                clone3 ENOSYS
                clone-newuser EPERM
                unshare EPERM
                mount EPERM
                keyctl EPERM
                bpf EPERM
                io_uring_setup EPERM
                perf_event_open EPERM
                userfaultfd EPERM
                ptrace EPERM
                tiocsti EPERM
                tiocsti-high EPERM
                prlimit-set-other EPERM
                prlimit-read 0
                vsock EAFNOSUPPORT
                alg EAFNOSUPPORT
                packet EAFNOSUPPORT
                netlink-route 0
                netlink-audit EPROTONOSUPPORT
                inet 0
                inet-raw EPERM
                mknod-char EPERM
                seccomp-listener EPERM
                personality-query 0
                personality-no-random EPERM

                """)
    }

    @Test("kill calls of foreign architectures")
    func foreign() throws {
        let live = try LiveFilter([SeccompPolicy.default.program()])
        #if arch(x86_64)
            #expect(try live.run(["@x32"]).status == 128 + SIGSYS)
            #expect(try live.run(["@i386"]).status == 128 + SIGSYS)
        #endif
        #expect(try live.run(["/bin/true"]).status == 0)
    }

    @Test(
        "let real toolchains work",
        arguments: [
            "python3 -c 'import threading as t, subprocess as s; x = t.Thread(target=print); x.start(); x.join(); s.check_call([\"true\"])'",
            "git --version",
            "node -e 'new Promise(r => setTimeout(r, 1)).then(() => require(\"child_process\").execSync(\"true\"))'",
            "printf 'int main(void){return 0;}' | cc -x c -o \"$SCRATCH/a.out\" - && \"$SCRATCH/a.out\"",
        ])
    func toolchains(command: String) throws {
        let live = try LiveFilter([SeccompPolicy.default.program()])
        let program = String(command.prefix { $0 != " " })
        guard try live.run(["/bin/sh", "-c", "command -v \(program)"]).status == 0 else { return }
        #expect(try live.run(["/bin/sh", "-c", "SCRATCH=\(live.directory); \(command)"]).status == 0)
    }

    @Test("stack: a profile narrows, and cannot widen")
    func stacked() throws {
        let text = #"""
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
              {"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
              {"names": ["mount", "keyctl"], "action": "SCMP_ACT_ALLOW"}]}
            """#
        let profile = try SeccompProfile(json: Array(text.utf8), path: "p.json")
        let live = try LiveFilter([SeccompPolicy.default.program(), try profile.program(kernelRelease: "6.1.0")])
        let answers = try live.run(["@probe"]).output.split(separator: "\n")
        #expect(answers.contains("getpid EOPNOTSUPP"))
        #expect(answers.contains("mount EPERM"))
        #expect(answers.contains("keyctl EPERM"))
    }

    @Test("widen by groups")
    func groups() throws {
        let live = try LiveFilter([try SeccompPolicy.default.adding(["ptrace"]).program()])
        let answers = try live.run(["@probe"]).output.split(separator: "\n")
        #expect(answers.contains("ptrace 0"))
        #expect(answers.contains("personality-no-random 0"))
        #expect(answers.contains("unshare EPERM"))
    }
}

/// A small C program that installs filters and then runs a command or tries calls.
final class LiveFilter {
    struct Result: Equatable {
        /// The exit code; 128 + n for a signal.
        var status: Int32
        var output: String
    }

    struct Failure: Error { var what: String }

    static let compiler: String? = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first { path in access(path, X_OK) == 0 }

    let directory: String
    private let filters: [String]

    init(_ programs: [[UInt8]]) throws {
        var template = Array("/tmp/coop-seccomp-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(what: "mkdtemp") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        filters = programs.indices.map { [directory] in "\(directory)/filter\($0)" }
        for (path, program) in zip(filters, programs) { try LiveFilter.write(program, to: path) }
        try LiveFilter.write(Array(LiveFilter.source.utf8), to: "\(directory)/live.c")
        let built = try spawn([LiveFilter.compiler ?? "cc", "-O1", "-o", "\(directory)/live", "\(directory)/live.c"])
        guard built.status == 0 else { throw Failure(what: "cc: \(built.output)") }
    }

    deinit {
        for name in ["live", "live.c", "output", "a.out"] { unlink("\(directory)/\(name)") }
        for filter in filters { unlink(filter) }
        rmdir(directory)
    }

    func run(_ command: [String]) throws -> Result {
        try spawn(["\(directory)/live"] + filters + ["--"] + command)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "we") else { throw Failure(what: path) }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure(what: path) }
    }

    private func spawn(_ command: [String]) throws -> Result {
        let output = "\(directory)/output"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, command[0], &actions, nil, &words, environ)
        guard code == 0 else { throw Failure(what: "\(command[0]): error \(code)") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw Failure(what: "waitpid") }
        }
        guard let file = fopen(output, "re") else { throw Failure(what: output) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = fread(&bytes, 1, bytes.count, file)
        let signal = status & 0x7F
        return Result(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: String(decoding: bytes[..<count], as: UTF8.self))
    }

    /// Calls are made by number, past every C library.
    private static let source = #"""
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/syscall.h>
        #include <unistd.h>

        static void install(const char *path) {
            static struct sock_filter code[4096];
            FILE *file = fopen(path, "r");
            if (!file) { perror(path); exit(99); }
            size_t count = fread(code, sizeof code[0], 4096, file);
            fclose(file);
            struct sock_fprog program = {.len = (unsigned short)count, .filter = code};
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) { perror("PR_SET_SECCOMP"); exit(98); }
        }

        static void say(const char *name, long result) {
            printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "0");
            fflush(stdout);
        }
        #define TRY(name, ...) say(name, syscall(__VA_ARGS__))

        static int probe(void) {
            struct rlimit64 { unsigned long now, most; } limit = {1 << 20, 1 << 20};
            TRY("getpid", SYS_getpid);
            TRY("unknown", 500);
            TRY("minus-one", -1);
            TRY("clone3", 435, 0, 0);
            TRY("clone-newuser", SYS_clone, 0x10000000 | 17, 0, 0, 0, 0);
            TRY("unshare", SYS_unshare, 0x10000000);
            TRY("mount", SYS_mount, "none", "/nowhere", "tmpfs", 0, 0);
            TRY("keyctl", SYS_keyctl, 0, -3, 0);
            TRY("bpf", SYS_bpf, 0, 0, 0);
            TRY("io_uring_setup", 425, 1, 0);
            TRY("perf_event_open", SYS_perf_event_open, 0, 0, 0, 0, 0);
            TRY("userfaultfd", SYS_userfaultfd, 0);
            if (fork() == 0) { TRY("ptrace", SYS_ptrace, 0, 0, 0, 0); _exit(0); }
            while (syscall(SYS_wait4, -1, 0, 0, 0) > 0) {}
            TRY("tiocsti", SYS_ioctl, 0, 0x5412UL, "x");
            TRY("tiocsti-high", SYS_ioctl, 0, 0x100005412UL, "x");
            TRY("prlimit-set-other", SYS_prlimit64, getpid(), RLIMIT_NOFILE, &limit, 0);
            TRY("prlimit-read", SYS_prlimit64, getpid(), RLIMIT_NOFILE, 0, &limit);
            TRY("vsock", SYS_socket, 40, 1, 0);
            TRY("alg", SYS_socket, 38, 5, 0);
            TRY("packet", SYS_socket, 17, 3, 0);
            TRY("netlink-route", SYS_socket, 16, 3, 0);
            TRY("netlink-audit", SYS_socket, 16, 3, 9);
            TRY("inet", SYS_socket, 2, 1, 0);
            TRY("inet-raw", SYS_socket, 2, 3, 1);
            TRY("mknod-char", SYS_mknodat, -100, "/nowhere/x", 0020644, 0x103);
            TRY("seccomp-listener", SYS_seccomp, 1, 8, 0);
            TRY("personality-query", SYS_personality, 0xffffffffUL);
            TRY("personality-no-random", SYS_personality, 0x40000UL);
            return 0;
        }

        int main(int argc, char **argv) {
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 97;
            int at = 1;
            for (; at < argc && strcmp(argv[at], "--"); at++) install(argv[at]);
            char **command = argv + at + 1;
            if (!strcmp(command[0], "@probe")) return probe();
        #ifdef __x86_64__
            if (!strcmp(command[0], "@x32")) { syscall(0x40000000 | SYS_getpid); return 0; }
            if (!strcmp(command[0], "@i386")) {
                long result;
                __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
                return 0;
            }
        #endif
            execv(command[0], command);
            perror(command[0]);
            return 96;
        }
        """#
}
