import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct ProcessTests {
    @Test("nothing of the warden's memory, environment, files or root can be reached", arguments: TestIdentity.all)
    func wardenFiles(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["environ", "mem", "maps", "auxv", "stack", "syscall", "io"] {
            let root: [TestIdentity] = name == "maps" || name == "auxv" ? [.root] : []
            try place.expectRefused(["file_read", "/proc/1/\(name)"], control: .withoutFor(root, allPrivilegeLayers))
        }
        for name in ["exe", "cwd", "root", "fd/3", "ns/net", "ns/mnt"] {
            try place.expectRefused(["link_read", "/proc/1/\(name)"], control: .withoutFor([.root], allPrivilegeLayers))
        }
        try place.expectRefused(["path_exists", "/proc/1/root/etc"], control: .withoutFor([.root], allPrivilegeLayers))
        try place.expectRefused(["path_exists", "/proc/1/cwd/etc"], control: .withoutFor([.root], allPrivilegeLayers))
        try place.expectRefused(["file_write", "/proc/1/mem"], control: .none)
    }

    @Test("the warden's program cannot be written through /proc (CVE-2019-5736)", arguments: TestIdentity.all)
    func wardenProgram(_ identity: TestIdentity) throws {
        try expectRefused(identity, "file_write", "/proc/1/exe", control: .none)
    }

    @Test("the warden cannot be traced, read, or robbed of descriptors", arguments: TestIdentity.all)
    func wardenTracing(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for attack in ["ptrace_seize", "memory_read", "pidfd_steal"] {
            try place.expectRefused([attack, "1"], control: .withoutFor([.root], allPrivilegeLayers))
        }
    }

    @Test("no process can be traced, not even a child", arguments: TestIdentity.all)
    func tracing(_ identity: TestIdentity) throws {
        try expectRefused(identity, "ptrace_child", control: .without("seccomp"))
        try expectRefused(identity, "memory_read_child", control: .without("seccomp"))
        try expectRefused(identity, "kcmp_call", control: .without("seccomp"))
    }

    @Test("the warden cannot be killed, stopped or limited", arguments: TestIdentity.all)
    func wardenSignals(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // The kernel keeps the first process of a namespace from its own children.
        for attack in ["kill_process", "kill_pidfd", "signal_process", "stop_process"] {
            try place.expectRefused([attack, "1"], control: .none)
        }
        try place.expectRefused(["prlimit_set", "1"], control: .withoutFor([.root, .user], "seccomp"))
    }

    @Test("a warden that the command slows down still ends it in time", arguments: TestIdentity.all)
    func slowWarden(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script = "trap '' TERM HUP INT; renice -n 19 -p 1; chrt -i -p 0 1; for i in 1 2 3 4; do while :; do :; done & done; wait; wait"
        let outcome = try place.shell(script, options: ["--timeout", "1s"], timeout: 300)
        #expect(outcome.exitCode == 124, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("a warden that is stopped is ended at the time limit all the same", arguments: TestIdentity.all)
    func stoppedWarden(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        /// A running command under a time limit, its warden stopped.
        func stopped(limit: String) throws -> (command: ChildProcess, wardens: [Int32]) {
            let child = try place.start(["run", "--timeout", limit, "--", "/bin/sh", "-c", "echo up; sleep 1000"], input: .null)
            guard try child.waitForOutput("up", timeout: 120) else { return (child, []) }
            let wardens = try place.processes().filter { $0.contains("coop-warden") }.compactMap {
                Int32($0.dropFirst(8).prefix { $0.isNumber })
            }
            for warden in wardens { kill(warden, SIGSTOP) }
            return (child, wardens)
        }
        var (child, wardens) = try stopped(limit: "10s")
        if wardens.isEmpty {
            // On a busy machine the limit may have passed before the warden was found.
            let early = try child.wait()
            #expect(early.exitCode == 124 && !early.timedOut, "\(early)")
            (child, wardens) = try stopped(limit: "90s")
        }
        #expect(!wardens.isEmpty)
        let outcome = try child.wait(timeout: 240)
        #expect(outcome.exitCode == 124 && !outcome.timedOut, "\(outcome)")
        #expect(try place.remains() == [])
    }

    @Test("processes of the host do not exist inside", arguments: TestIdentity.all)
    func hostProcesses(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let neighbour = try ChildProcess(
            identity == .root ? ["sleep", "100"] : ["setpriv", "--reuid", identity.accountName, "--clear-groups", "sleep", "100"])
        let outcome = try place.shell("ls /proc | grep -c '^[0-9]'; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
        #expect(outcome.exitCode == 0 && !outcome.output.contains("sleep"), "\(outcome)")
        #expect((Int(outcome.output.prefix { $0.isNumber }) ?? 99) < 8, "\(outcome)")
        // The attack on the same number works outside, on the attacker's own neighbour.
        kill(neighbour.pid, SIGKILL)
    }
}
