import GatewayProtocol
import Glibc
import LinuxKernel
import Seccomp
import TestSupport
import Testing

@testable import GatewayEngine

@Suite struct ConfinementTests {
    @Test("after confinement every way out is refused, and what the worker needs works")
    func probe() throws {
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let leaked = try Descriptor.open("/etc", O_RDONLY)
        let end = try ChildProcess.run(
            [try ScriptedSupervisor.program(), "--probe-confinement"], descriptors: [3: null.number, 9: leaked.number])
        #expect(end.exitCode == 0 && end.error.isEmpty, "\(end)")
        let lines = end.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let attempts = lines.filter { $0[0] == "attempt" }
        #expect(attempts.count > 30)
        for attempt in attempts { #expect(attempt[2] == String(EPERM), "\(attempt[1])") }
        for need in lines.filter({ $0[0] == "need" }) { #expect(need[2] == "0", "\(need[1])") }
        // The file system is closed by Landlock alone already.
        let files = lines.filter { $0[0] == "landlock" }
        #expect(files.count == 3)
        for attempt in files { #expect(attempt[2] == String(EACCES), "\(attempt[1])") }
    }

    @Test("a program that is started by hand says what it is for")
    func byHand() throws {
        let end = try ChildProcess.run([try ScriptedSupervisor.program()])
        #expect(end.exitCode == 125 && end.error.contains("Next: coop run"))
    }

    @Test("the running worker holds no other descriptors, is confined in all its threads, and leaves no core")
    func running() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        #expect(supervisor.wait { $0.contains(.ready(version: 1)) })
        let pid = supervisor.process.pid
        // Its files belong to root while it is not dumpable (proc(5)), so an ordinary user sees only their names.
        for thread in try FileSystem.list("/proc/\(pid)/task") {
            let status = String(decoding: try FileSystem.read("/proc/\(pid)/task/\(thread)/status"), as: UTF8.self)
            #expect(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"))
        }
        let limits = String(decoding: try FileSystem.read("/proc/\(pid)/limits"), as: UTF8.self)
        #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max core file size") && $0.contains(" 1 ") })
        _ = try supervisor.shutDown()
    }

    @Test("the allow-list lets through only what is named", arguments: Architecture.allCases)
    func allowList(_ architecture: Architecture) {
        let policy = WorkerSystemCalls.policy(process: 4242)
        func action(_ name: String, _ arguments: [UInt64] = []) -> SeccompAction? {
            policy.action(for: architecture, name: name, arguments: arguments)
        }
        for name in [
            "openat", "execve", "socket", "connect", "clone", "ptrace", "bind", "listen", "kill", "unlinkat", "io_uring_setup", "mount",
        ] {
            #expect(action(name) == .errno(1), "\(name)")
        }
        for name in ["read", "accept4", "splice", "futex", "getrandom", "exit_group", "epoll_ctl"] {
            #expect(action(name) == .allow, "\(name)")
        }
        #expect(action("tgkill", [4242, 1, 6]) == .allow && action("tgkill", [1, 1, 9]) == .errno(1))
        #expect(action("mmap", [0, 4096, 3]) == .allow && action("mmap", [0, 4096, 5]) == .errno(1))
        #expect(action("sendto", [3, 0, 0, 0x4000]) == .allow && action("sendto", [3, 0, 0, 0x2000_0000]) == .errno(1))
        // The kernel ignores the upper half of an int.
        #expect(action("fcntl", [0, 0x1_0000_0004]) == .allow && action("setsockopt", [3, 0x1_0000_0001, 36]) == .errno(1))
    }
}
