import CoopErrors
import Testing

@testable import Seccomp

@Suite("The built-in system call policy")
struct BuiltInPolicyTests {
    private let high: UInt64 = 0xABCD_0000_0000_0000

    private func probe(_ architecture: Architecture, _ groups: SyscallGroup...) throws -> Probe {
        try Probe(architecture, SeccompPolicy(groups: groups).program(for: architecture))
    }

    @Test("names only calls that exist somewhere", arguments: [[], SyscallGroup.allCases])
    func namesExist(groups: [SyscallGroup]) {
        for entry in BuiltInRules.entries(groups: groups) {
            for name in entry.names.words {
                #expect(Architecture.allCases.contains { SyscallTable.of($0).number(of: name) != nil }, "\(name)")
            }
        }
    }

    @Test("lists no call as both allowed and denied")
    func listsAreDisjoint() {
        let allowed = BuiltInRules.allowed.words
        let denied = BuiltInRules.denied.words
        #expect(Set(allowed).isDisjoint(with: denied))
        #expect(Set(allowed).count == allowed.count)
        #expect(Set(denied).count == denied.count)
    }

    @Test("kills foreign architectures", arguments: Architecture.allCases)
    func foreignArchitectures(architecture: Architecture) throws {
        let probe = try probe(architecture)
        // i386, ARM, x86_64, AArch64, big-endian AArch64, RISC-V, nothing.
        for audit: UInt32 in [0x4000_0003, 0x4000_0028, 0xC000_003E, 0xC000_00B7, 0x8000_00B7, 0xC000_00F3, 0]
        where audit != architecture.auditNumber {
            for number: UInt32 in [0, 1, 11, 39, 172, 0xFFFF_FFFF] {
                #expect(probe.text(probe.interpreter.run(audit: audit, number: number)) == "kill-process")
            }
        }
    }

    @Test("kills the x32 ABI, and does not take syscall(-1) for it")
    func x32() throws {
        let probe = try probe(.x86_64)
        let audit = Architecture.x86_64.auditNumber
        for number: UInt32 in [0x4000_0000, 0x4000_0001, 0x4000_0200, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE] {
            #expect(probe.text(probe.interpreter.run(audit: audit, number: number)) == "kill-process")
        }
        for number: UInt32 in [0xFFFF_FFFF, 0x3FFF_FFFF, 512, 547, 400] {
            #expect(probe.text(probe.interpreter.run(audit: audit, number: number)) == "ENOSYS")
        }
    }

    @Test("allows what toolchains use", arguments: Architecture.allCases)
    func allowed(architecture: Architecture) throws {
        let probe = try probe(architecture)
        for name in BuiltInRules.allowed.words { #expect([nil, "allow"].contains(probe(name)), "\(name)") }
        for name in ["read", "rseq", "futex_waitv", "mseal", "epoll_pwait2", "landlock_add_rule", "memfd_create"] {
            #expect(probe(name) == "allow", "\(name)")
        }
    }

    @Test("denies the dangerous with EPERM and the rest with ENOSYS", arguments: Architecture.allCases)
    func denied(architecture: Architecture) throws {
        let probe = try probe(architecture)
        for name in BuiltInRules.denied.words { #expect([nil, "EPERM"].contains(probe(name)), "\(name)") }
        for name in ["clone3", "openat2", "memfd_secret", "statmount", "listmount", "listns", "lsm_set_self_attr"] {
            #expect(probe(name) == "ENOSYS", "\(name)")
        }
        #expect(probe("name_to_handle_at") == "EOPNOTSUPP")
        for name in [
            "keyctl", "bpf", "userfaultfd", "io_uring_setup", "perf_event_open", "mount", "unshare", "setns", "ptrace",
            "pidfd_getfd", "chroot", "kexec_load", "open_by_handle_at", "process_madvise", "move_pages", "fanotify_init",
        ] {
            #expect(probe(name) == "EPERM", "\(name)")
        }
    }

    @Test("lets clone make processes and threads but no namespace", arguments: Architecture.allCases)
    func clone(architecture: Architecture) throws {
        let probe = try probe(architecture)
        #expect(probe("clone", 17) == "allow")
        #expect(probe("clone", 0x3D0F00) == "allow")
        for bit in [17, 25, 26, 27, 28, 29, 30] as [UInt64] {
            #expect(probe("clone", 1 << bit | 17) == "EPERM")
            #expect(probe("clone", 1 << bit | high) == "EPERM")
        }
    }

    @Test("compares the lower half of arguments that the kernel takes as 32 bits", arguments: Architecture.allCases)
    func ioctl(architecture: Architecture) throws {
        let probe = try probe(architecture)
        for request in [0x5412, 0x541C] as [UInt64] {
            #expect(probe("ioctl", 0, request) == "EPERM")
            #expect(probe("ioctl", 0, request | high) == "EPERM")
            #expect(probe("ioctl", 0, request | 1 << 32) == "EPERM")
        }
        #expect(probe("ioctl", 0, 0x5401) == "allow")
        #expect(probe("ioctl", 0x5412, 0x5413) == "allow")
        #expect(probe("prctl", 35 | high) == "EPERM")
        #expect(probe("prctl", 38, 1) == "allow")
        #expect(probe("socket", 40 | high, 1, 0) == "EAFNOSUPPORT")
    }

    @Test("opens local, internet and route sockets only", arguments: Architecture.allCases)
    func sockets(architecture: Architecture) throws {
        let probe = try probe(architecture)
        let flags: UInt64 = 0o2004000
        for family in [2, 10] as [UInt64] {
            #expect(probe("socket", family, 1 | flags, 0) == "allow")
            #expect(probe("socket", family, 2, 17) == "allow")
            #expect(probe("socket", family, 2, 58) == "allow")
            #expect(probe("socket", family, 3, 1) == "EPERM")
            #expect(probe("socket", family, 3 | flags, 255) == "EPERM")
            #expect(probe("socket", family, 10, 0x0300) == "ESOCKTNOSUPPORT")
            #expect(probe("socket", family, 5, 132) == "ESOCKTNOSUPPORT")
            #expect(probe("socket", family, 1, 132) == "EPROTONOSUPPORT")
            #expect(probe("socket", family, 1, 262) == "EPROTONOSUPPORT")
        }
        #expect(probe("socket", 1, 1 | flags, 0) == "allow")
        #expect(probe("socket", 16, 3 | flags, 0) == "allow")
        for protocolNumber in 1...31 as ClosedRange<UInt64> { #expect(probe("socket", 16, 3, protocolNumber) == "EPROTONOSUPPORT") }
        for family in 0...64 as ClosedRange<UInt64> where ![1, 2, 10, 16].contains(family) {
            #expect(probe("socket", family, 1, 0) == "EAFNOSUPPORT")
            #expect(probe("socket", family, 3, 0) == "EAFNOSUPPORT")
        }
        #expect(probe("socketpair", 1, 1, 0) == "allow")
        #expect(probe("socketpair", 30, 1, 0) == "EAFNOSUPPORT")
    }

    @Test("protects PID 1 from limits set by others", arguments: Architecture.allCases)
    func limits(architecture: Architecture) throws {
        let probe = try probe(architecture)
        #expect(probe("prlimit64", 1, 7, 0x7FFF_0000) == "EPERM")
        #expect(probe("prlimit64", 1, 7, 1 << 32) == "EPERM")
        #expect(probe("prlimit64", 1, 7, 0, 0x7FFF) == "allow")
        #expect(probe("prlimit64", 0, 7, 0x7FFF_0000) == "allow")
        #expect(probe("prlimit64", 1 | high, 7, 1) == "EPERM")
        #expect([nil, "allow"].contains(probe("setrlimit", 7, 1)))
    }

    @Test("makes no devices, no listeners and no unsafe personality", arguments: Architecture.allCases)
    func others(architecture: Architecture) throws {
        let probe = try probe(architecture)
        for (mode, answer) in [(0x2000, "EPERM"), (0x6000, "EPERM"), (0x1000, "allow"), (0xC000, "allow"), (0x8000, "allow"), (0, "allow")]
            as [(UInt64, String)]
        {
            #expect([nil, answer].contains(probe("mknod", 0, mode | 0o644 | high)))
            #expect(probe("mknodat", 0, 0, mode | 0o644 | high) == answer)
        }
        #expect(probe("seccomp", 1, 0) == "allow")
        #expect(probe("seccomp", 1, 8) == "EPERM")
        #expect(probe("seccomp", 1 | high, 9 | high) == "EPERM")
        #expect(probe("seccomp", 3, 0) == "allow")
        for value in [0, 8, 0x20000, 0x20008, 0xFFFF_FFFF] as [UInt64] { #expect(probe("personality", value) == "allow") }
        for value in [0x40000, 0x0400000, 1, 0x100000] as [UInt64] { #expect(probe("personality", value) == "EPERM") }
    }

    @Test("widens by exactly what a group names", arguments: Architecture.allCases)
    func groups(architecture: Architecture) throws {
        let ptrace = try probe(architecture, .ptrace)
        for name in BuiltInRules.tracing.words { #expect(ptrace(name) == "allow", "\(name)") }
        #expect(ptrace("personality", 0x40000) == "allow")
        #expect(ptrace("unshare") == "EPERM")
        let nested = try probe(architecture, .nestedUserns)
        for name in BuiltInRules.namespaces.words { #expect([nil, "allow"].contains(nested(name, 0x1000_0000)), "\(name)") }
        #expect(nested("keyctl") == "EPERM")
        #expect(nested("ptrace") == "EPERM")
        #expect(try probe(architecture, .ioUring)("io_uring_enter") == "allow")
        #expect(try probe(architecture, .perf)("perf_event_open") == "allow")
        #expect(try probe(architecture, .keyring)("keyctl") == "allow")
        let raw = try probe(architecture, .rawSockets)
        #expect(raw("socket", 2, 3, 1) == "allow")
        #expect(raw("socket", 17, 3, 0) == "allow")
        #expect(raw("socket", 40, 1, 0) == "EAFNOSUPPORT")
    }

    @Test("names the nearest group for one that does not exist")
    func unknownGroup() throws {
        #expect(try SeccompPolicy.default.adding(["perf", "ptrace", "perf"]).groups == [.perf, .ptrace])
        let error = #expect(throws: CoopError.self) { try SeccompPolicy.default.adding(["nested-users"]) }
        #expect(error?.code == .usage)
        #expect(error?.why.contains("'nested-userns'") == true)
        let far = #expect(throws: CoopError.self) { try SeccompPolicy.default.adding([String(repeating: "x", count: 100_000)]) }
        #expect(far?.why.contains("did you mean") == false)
    }

    @Test("describes every call once, in a stable order", arguments: Architecture.allCases)
    func description(architecture: Architecture) throws {
        let policy = try SeccompPolicy.default.adding(["ptrace"])
        let found = policy.describe(for: architecture)
        let all = found.allowed + found.checked.map(\.syscall) + found.denied.flatMap(\.syscalls)
        #expect(all.sorted() == SyscallTable.of(architecture).allNames)
        #expect(found.allowed == found.allowed.sorted())
        #expect(found.groups.map(\.name) == ["ptrace"])
        #expect(found.denied.map(\.action) == ["ENOSYS", "EOPNOTSUPP", "EPERM"])
        #expect(found == policy.describe(for: architecture))
        #expect(found.checked.first { $0.syscall == "ioctl" }?.rules.first == "arg1 & 0xffffffff == 0x5412: EPERM")
    }

    @Test(
        "has the numbers of the kernel's headers",
        arguments: [("read", 0, 63), ("socket", 41, 198), ("mount", 165, 40), ("clone3", 435, 435), ("rseq_slice_yield", 471, 471)])
    func numbers(name: String, x86: UInt32, arm: UInt32) {
        #expect(SyscallTable.of(.x86_64).number(of: name) == x86)
        #expect(SyscallTable.of(.aarch64).number(of: name) == arm)
    }
}
