import Glibc
import LinuxKernel
import Seccomp
import TestSupport
import Testing

@testable import ConfinedTerminal

/// Whoever takes the worker over by what a program inside writes has nothing.
@Suite struct ConfinementTests {
    @Test("after confinement every way out is refused, and what the worker needs works", arguments: TestIdentity.all)
    func probe(_ identity: TestIdentity) throws {
        let leaked = try Descriptor.open("/etc", O_RDONLY)
        let end = try ChildProcess.run(
            identity.arguments([try BuiltPrograms.coop(), "terminal-worker", "--probe"]), descriptors: [9: leaked.number])
        #expect(end.exitCode == 0 && end.error.isEmpty, "\(end)")
        let lines = end.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let attempts = lines.filter { $0[0] == "attempt" }
        #expect(attempts.count > 30)
        for name in ["open", "socket", "execve", "fork", "ptrace", "kill-parent"] { #expect(attempts.contains { $0[1] == name }) }
        for attempt in attempts { #expect(attempt[2] == String(EPERM), "\(attempt[1])") }
        let needs = lines.filter { $0[0] == "need" }
        #expect(needs.count == 2)
        for need in needs { #expect(need[2] == "0", "\(need[1])") }
        // The file system is closed by Landlock alone already.
        let files = lines.filter { $0[0] == "landlock" }
        #expect(files.count == 3)
        for attempt in files { #expect(attempt[2] == String(EACCES), "\(attempt[1])") }
    }

    @Test("the running worker is confined, has three descriptors, and leaves no core")
    func running() throws {
        let worker = try ChildProcess(
            [try BuiltPrograms.coop(), "terminal-worker"], input: .pipe,
            descriptors: [7: try Descriptor.open("/etc", O_RDONLY).number])
        try worker.send(String(decoding: FrameBuffer.frame(ScreenRequest.open(rows: 3, columns: 10, scrollback: 1)), as: UTF8.self))
        try worker.send(String(decoding: FrameBuffer.frame(ScreenRequest.ask(number: 1, .replies)), as: UTF8.self))
        #expect(try worker.waitUntil { !$0.outputBytes.isEmpty })
        let status = String(decoding: try FileSystem.read("/proc/\(worker.pid)/status"), as: UTF8.self)
        #expect(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2") && status.contains("Threads:\t1"))
        let limits = String(decoding: try FileSystem.read("/proc/\(worker.pid)/limits"), as: UTF8.self)
        #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max core file size") && $0.contains(" 1 ") })
        #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max data size") && $0.contains(" 536870912 ") })
        if getuid() == 0 { #expect(try FileSystem.list("/proc/\(worker.pid)/fd").sorted() == ["0", "1", "2"]) }
        worker.closeInput()
        #expect(try worker.wait().exitCode == 0)
    }

    @Test("the allow-list lets through only what is named", arguments: Architecture.allCases)
    func allowList(_ architecture: Architecture) {
        func action(_ name: String, _ arguments: [UInt64] = []) -> SeccompAction? {
            TerminalSystemCalls.policy.action(for: architecture, name: name, arguments: arguments)
        }
        for name in [
            "openat", "execve", "socket", "connect", "clone", "clone3", "ptrace", "kill", "tgkill", "unlinkat", "sendmsg", "recvmsg",
            "sendto",
            "dup", "pipe2", "ioctl", "fcntl", "prctl", "io_uring_setup",
        ] {
            #expect(action(name) == .errno(1), "\(name)")
        }
        for name in ["read", "write", "futex", "exit_group"] { #expect(action(name) == .allow, "\(name)") }
        #expect(action("mmap", [0, 4096, 3]) == .allow && action("mmap", [0, 4096, 5]) == .errno(1))
    }

    @Test("a person who starts it by hand is told what it is")
    func byHand() throws {
        let process = try ChildProcess([try BuiltPrograms.coop(), "terminal-worker"], input: .terminal(rows: 24, columns: 80))
        let end = try process.wait()
        #expect(end.exitCode == 2 && end.output.contains("started by coop itself"), "\(end)")
        #expect(!(try ChildProcess.run([try BuiltPrograms.coop(), "--help"]).output.contains("terminal-worker")))
    }
}
