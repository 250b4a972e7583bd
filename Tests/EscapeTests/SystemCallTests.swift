import TestSupport
import Testing

@Suite struct SystemCallTests {
    @Test(
        "a dangerous call never reaches the kernel", arguments: TestIdentity.all,
        [
            ["io_uring"], ["bpf"], ["userfault"], ["keyctl_session"], ["key_add"], ["key_request", "x"], ["handle_open"],
            ["local_descriptor_table"], ["adjust_clock"],
        ])
    func calls(_ identity: TestIdentity, _ attack: [String]) throws {
        try Sandboxed(identity).expectRefused(attack, control: .without("seccomp"))
    }

    @Test("what this kernel may not have, or refuses by itself, is refused", arguments: TestIdentity.all)
    func doublyRefused(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for attack in ["perf", "module_load", "kexec", "fanotify", "port_access", "kernel_log", "x32_calls"] {
            try place.expectRefused([attack], control: .none)
        }
    }

    @Test("the machine's clock cannot be set", arguments: TestIdentity.all)
    func clock(_ identity: TestIdentity) throws {
        try expectRefused(identity, "set_time", control: .without("seccomp"))
        try expectRefused(identity, "set_clock", control: .without("seccomp"))
    }

    @Test("calls of another architecture end the caller", arguments: TestIdentity.all)
    func architecture(_ identity: TestIdentity) throws {
        try expectRefused(identity, "foreign_architecture", control: .without("seccomp"))
    }

    @Test("no filter can answer calls for other processes", arguments: TestIdentity.all)
    func listener(_ identity: TestIdentity) throws {
        try expectRefused(identity, "seccomp_listener", control: .without("seccomp"))
    }

    @Test("sockets beyond local, TCP and UDP cannot be made", arguments: TestIdentity.all)
    func sockets(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        // AF_VSOCK, NETLINK_AUDIT, MPTCP.
        for family in [["40"], ["16", "3", "9"], ["2", "1", "262"]] {
            try place.expectRefused(["socket_family"] + family, control: .without("seccomp"))
        }
        // AF_PACKET and raw sockets need a capability as well.
        for family in [["17", "3"], ["2", "3", "1"], ["10", "3", "58"]] {
            try place.expectRefused(["socket_family"] + family, control: .withoutFor([.root], allPrivilegeLayers))
        }
        // AF_ALG, AF_BLUETOOTH, AF_TIPC, AF_XDP: this kernel may have none of them.
        for family in [["38", "5"], ["31", "3"], ["30", "1"], ["44", "3"]] {
            try place.expectRefused(["socket_family"] + family, control: .none)
        }
    }
}
