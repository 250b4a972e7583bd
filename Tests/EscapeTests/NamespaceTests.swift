import TestSupport
import Testing

@Suite struct NamespaceTests {
    @Test("no new user namespace can be made", arguments: TestIdentity.all)
    func userNamespaces(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for attack in ["user_namespace", "clone_user_namespace", "clone3_user_namespace"] {
            try place.expectRefused([attack], control: .without("seccomp;kernel-setting=/proc/sys/user"))
        }
    }

    @Test("each of the two walls against user namespaces holds alone", arguments: TestIdentity.all)
    func userNamespaceWalls(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let withoutFilter = try place.attack(["user_namespace"], omitting: "seccomp")
        #expect(withoutFilter.isRefused, "\(withoutFilter)")
        let withoutCount = try place.attack(["user_namespace"], omitting: "kernel-setting=/proc/sys/user")
        #expect(withoutCount.isRefused, "\(withoutCount)")
    }

    @Test(
        "no other namespace can be made", arguments: TestIdentity.all,
        ["0x20000", "0x40000000", "0x8000000", "0x4000000", "0x2000000", "0x80"])
    func namespaces(_ identity: TestIdentity, _ flag: String) throws {
        try expectRefused(identity, "namespace", flag, control: .withoutFor([.root], allPrivilegeLayers))
    }

    @Test("nothing can be mounted, moved or unmounted", arguments: TestIdentity.all)
    func mounts(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for attack in [["mount_tmpfs"], ["open_tree_clone"], ["file_system_open"], ["pivot_root_call"], ["chroot_call"]] {
            try place.expectRefused(attack, control: .without(allPrivilegeLayers))
        }
        for attack in [["remount_root", "/usr"], ["mount_attributes", "/usr"], ["unmount", "/tmp"], ["move_mount_away", "/dev/shm"]] {
            try place.expectRefused(attack, control: .withoutFor([.root], allPrivilegeLayers))
        }
    }

    @Test("no other namespace can be joined", arguments: TestIdentity.all)
    func joining(_ identity: TestIdentity) throws {
        try expectRefused(identity, "join_namespace", control: .without(allPrivilegeLayers))
    }

    @Test("the host's name cannot be changed", arguments: TestIdentity.all)
    func hostname(_ identity: TestIdentity) throws {
        try expectRefused(identity, "set_hostname", control: .without(allPrivilegeLayers))
    }
}
