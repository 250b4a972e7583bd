import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct PrivilegeTests {
    @Test("the command holds no capability and can gain none", arguments: TestIdentity.all)
    func capabilities(_ identity: TestIdentity) throws {
        try expectRefused(identity, "capabilities", control: .without("drop-privileges"))
        try expectRefused(identity, "new_privileges", control: .without("drop-privileges;seccomp;landlock"))
        try expectRefused(identity, "drop_groups", control: .none)
    }

    @Test("the command cannot become another user", arguments: TestIdentity.all)
    func otherUser(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let others: [uid_t] = [0, 1, identity.user + 1, 65534, 165_536].filter { $0 != identity.user }
        for other in others { try place.expectRefused(["become_user", String(other)], control: .none) }
    }

    @Test("set-user-id programs have no effect, in the workspace or in /usr", arguments: TestIdentity.all)
    func setuid(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.shell(
            "for p in su sudo newuidmap mount passwd; do q=$(command -v $p) && $q -c id </dev/null 2>/dev/null | grep uid=0; done; grep ^Cap /proc/self/status"
        )
        if identity != .root { #expect(!outcome.output.contains("uid=0"), "\(outcome)") }
        guard getuid() == 0 else { return }
        let program = try place.install(Sandboxed.attacks(), as: "setuid-program")
        // The user who gives the file a set-user-id bit is root, or for root another one.
        let owner: uid_t = identity == .root ? 65534 : 0
        try check("chown") { chown(program, owner, 0) }
        try check("chmod") { chmod(program, 0o4755) }
        try place.expectRefused(["run_setuid", program], control: identity == .root ? .none : .outside)
    }

    @Test("no set-user-id program can be left in the workspace for others on the host", arguments: TestIdentity.all)
    func plantedSetuid(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.expectRefused(["chmod_setuid", place("planted")], control: .without("seccomp"))
    }

    @Test("file capabilities have no effect", arguments: TestIdentity.all)
    func fileCapabilities(_ identity: TestIdentity) throws {
        guard getuid() == 0 else { return }
        let place = try Sandboxed(identity)
        let program = try place.install(Sandboxed.attacks(), as: "capable")
        let set = try ChildProcess.run(
            ["setcap", "cap_setuid,cap_sys_admin+ep", program], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin"])
        guard set.exitCode == 0 else { return }
        try place.expectRefused(["run_setuid", program], control: identity == .root ? .none : .outside)
    }

    @Test("device nodes can neither be made nor opened", arguments: TestIdentity.all)
    func devices(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.expectRefused(["make_device"], control: .none)
        try place.expectRefused(["make_device_in", place.project], control: identity == .root ? .outside : .none)
        guard getuid() == 0 else { return }
        let device = place("device")
        guard mknod(device, S_IFCHR | 0o666, 1 << 8 | 3) == 0 else { return }
        chmod(device, 0o666)
        try place.expectRefused(["open_device", device], control: .outside)
        for name in ["mem", "kmem", "kvm", "fuse", "net/tun", "sda", "vda", "loop-control", "console", "tty0", "kmsg", "vsock", "uinput"] {
            try place.expectRefused(["path_exists", "/dev/" + name], control: .none)
        }
    }
}
