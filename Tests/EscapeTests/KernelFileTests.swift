import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct KernelFileTests {
    @Test("the kernel's settings cannot be written", arguments: TestIdentity.all)
    func settings(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // The same value as before, so that nothing happens where the protection is left out.
        let settings = ["kernel/core_pattern", "kernel/modprobe", "vm/overcommit_memory", "fs/pipe-max-size", "kernel/hotplug", "vm/drop_caches"]
            .map { "/proc/sys/" + $0 }.filter { FileSystem.kind($0) == .file }
        for setting in settings { try place.expectRefused(["file_write", setting], control: .withoutFor([.root], "read-only=/proc/sys;landlock")) }
        for path in ["/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"] where FileSystem.kind(path) == .file {
            try place.expectRefused(["file_write", path], control: .none)
        }
    }

    @Test("what tells about the whole machine or its keys is empty", arguments: TestIdentity.all)
    func hidden(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["keys", "key-users", "timer_list", "sched_debug", "kcore", "kallsyms", "kpageflags", "vmallocinfo", "interrupts", "config.gz"] {
            let path = "/proc/" + name
            var state = stat()
            let isReadable = stat(path, &state) == 0 && state.st_mode & S_IROTH != 0 && ["interrupts", "kallsyms", "key-users"].contains(name)
            try place.expectRefused(["file_read", path], control: isReadable ? .without("mask=\(path)") : .none)
        }
    }

    @Test("/sys does not exist", arguments: TestIdentity.all)
    func sys(_ identity: TestIdentity) throws {
        let outcome = try Sandboxed(identity).shell("ls /sys /boot /srv /mnt /media 2>/dev/null | head -3; mount | grep -E 'type (sysfs|cgroup|debugfs|securityfs|tracefs|bpf)'")
        #expect(outcome.output == "", "\(outcome)")
    }

    @Test("no program of the host is started by a crash, and no core file is written", arguments: TestIdentity.all)
    func coreDumps(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.expectRefused(["core_dump"], control: .none)
        try place.expectRefused(["core_limit"], control: .without("seccomp"))
        let left = try FileSystem.list(place.project).filter { $0.contains("core") }
        #expect(left == [])
    }
}
