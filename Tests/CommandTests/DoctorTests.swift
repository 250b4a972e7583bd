import Glibc
import LinuxKernel
import NativeEngine
import Sandbox
import TestSupport
import Testing

@Suite struct DoctorTests {
    private struct Report: Decodable {
        var version: Int
        var ready: Bool
        var layers: [LayerReport]
        var findings: [Diagnosis]
    }

    @Test("doctor proves the layers from inside, and says that sandboxes work", arguments: TestIdentity.all)
    func ready(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(["doctor", "--json"])
        let report = try outcome.json(Report.self)
        #expect(outcome.exitCode == 0 && report.version == 1 && report.ready)
        for layer in [
            Layer.userNamespace, .mountNamespace, .processNamespace, .networkNamespace, .network, .root, .proc, .capabilities, .seccomp,
        ] {
            let found = report.layers.first { $0.layer == layer }
            #expect(found?.strength == .enforced && found?.detail.hasSuffix("(probed)") == true, "\(layer): \(String(describing: found))")
        }
        #expect(report.findings.allSatisfy { $0.severity == .weakening && !$0.fix.isEmpty && !$0.why.isEmpty })
        #expect(report.findings.contains { $0.subject == "subordinate ids" } == (identity != .subordinate))
        let text = try place.coop(["doctor"])
        #expect(text.exitCode == 0 && text.output.hasSuffix("\nSandboxes work here.\n") && text.output.contains("ok       seccomp: "))
        #expect(!text.output.utf8.contains(0x1B), "no colour without a terminal")
        #expect(try place.remains() == [])
    }

    @Test("doctor --fix is only for who may, and says when there is nothing to mend")
    func fix() throws {
        let outcome = try Sandboxed(anyone).coop(["doctor", "--fix"])
        #expect(
            outcome.exitCode == 0 && outcome.error.contains("nothing to fix")
                || outcome.exitCode == 126 && outcome.error.contains("Next: sudo "), "\(outcome)")
    }

    // MARK: - Difficult hosts, made for real

    /// Runs coop in surroundings that root prepares: sh(1) lines that end in `exec "$@"`.
    private func inside(_ script: String, _ place: Sandboxed, _ arguments: [String]) throws -> ChildProcess.Outcome {
        var words = [try BuiltPrograms.coop()] + arguments
        if place.identity != .root {
            words =
                ["/usr/bin/setpriv", "--reuid", place.identity.accountName, "--regid", String(place.identity.group), "--init-groups", "--"]
                + words
        }
        return try ChildProcess.run(
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-ec", script, "sh"] + words, environment: place.environment,
            directory: place.project)
    }

    private func expectBlocked(
        _ script: String, _ place: Sandboxed, subject: String, fix: String, run: String, location: SourceLocation = #_sourceLocation
    ) throws {
        let doctor = try inside(script, place, ["doctor", "--json"])
        #expect(doctor.exitCode == 4, "\(doctor)", sourceLocation: location)
        let report = try doctor.json(Report.self)
        let finding = report.findings.first { $0.severity == .blocking }
        #expect(!report.ready && finding?.subject == subject && finding?.fix.contains(fix) == true, "\(doctor)", sourceLocation: location)
        let text = try inside(script, place, ["doctor"])
        #expect(
            text.exitCode == 4 && text.output.hasSuffix("No sandbox can be made here yet.\n") && text.output.contains("Fix: "),
            sourceLocation: location)
        let refused = try inside(script, place, ["run", "--", "touch", "ran"])
        #expect(
            [125, 126].contains(refused.exitCode) && refused.error.contains(run) && refused.error.contains("\nNext: "), "\(refused)",
            sourceLocation: location)
        #expect(!place.exists("ran"), sourceLocation: location)
        #expect(try place.remains() == [], sourceLocation: location)
    }

    @Test(
        "a masked /proc, as in Docker, is recognised, and a run refused with the remedy", .enabled(if: getuid() == 0),
        arguments: TestIdentity.all)
    func maskedProc(_ identity: TestIdentity) throws {
        try expectBlocked(
            "mount -t tmpfs none /proc/fs; exec \"$@\"", Sandboxed(identity), subject: "/proc", fix: "",
            run: "layer proc cannot be enforced")
    }

    @Test("a filter that forbids namespaces, as in Docker, is recognised", arguments: TestIdentity.ordinary)
    func filter(_ identity: TestIdentity) throws {
        let program = try BuiltPrograms.compileC(DoctorTests.denyNamespaces)
        let place = try Sandboxed(identity)
        let coop = try BuiltPrograms.coop()
        let doctor = try place.outside([program, coop, "doctor", "--json"])
        let report = try doctor.json(Report.self)
        #expect(doctor.exitCode == 4 && !report.ready && report.findings.first?.subject == "user namespaces", "\(doctor)")
        let run = try place.outside([program, coop, "run", "--", "touch", "ran"])
        run.expectError(125, "cannot make a user namespace: the kernel refuses them to this process")
        #expect(!place.exists("ran"))
        #expect(try place.remains() == [])
    }

    @Test("without nf_tables a run is refused with the way out of it, and the rest works")
    func noPacketFilter() throws {
        let program = try BuiltPrograms.compileC(DoctorTests.denyNetfilter)
        // Under the filter no set-user-id program works, such as newuidmap.
        let place = try Sandboxed(TestIdentity.ordinary.first { $0 != .subordinate } ?? .root)
        let coop = try BuiltPrograms.coop()
        let run = try place.outside([program, coop, "run", "--", "touch", "ran"])
        run.expectError(126, "layer network cannot be enforced")
        #expect(run.error.contains("--network none") && !place.exists("ran"), "\(run)")
        let none = try place.outside([program, coop, "run", "--network", "none", "--", "echo", "ran"])
        #expect(none.exitCode == 0 && none.output == "ran\n", "\(none)")
        let doctor = try place.outside([program, coop, "doctor", "--json"])
        let report = try doctor.json(Report.self)
        #expect(doctor.exitCode == 4 && report.layers.first { $0.layer == .network }?.strength == .missing, "\(doctor)")
        #expect(report.findings.contains { $0.subject == "network" && $0.fix.contains("--network none") }, "\(doctor)")
        let text = try place.outside([program, coop, "doctor"])
        #expect(text.output.hasSuffix("\nOnly sandboxes without network work here: coop run --network none\n"), "\(text)")
        #expect(try place.remains() == [])
    }

    @Test("a network that is not led to the gateway is found by the probe")
    func probedNetwork() throws {
        let outcome = try Sandboxed(anyone).coop(["doctor", "--json"], environment: ["COOP_TEST_OMIT": "gateway-rules"])
        let report = try outcome.json(Report.self)
        let network = report.layers.first { $0.layer == .network }
        #expect(
            outcome.exitCode == 4 && network?.strength == .missing && network?.detail.contains("probe got through") == true, "\(outcome)")
    }

    @Test(
        "in a chroot the kernel makes no user namespaces, and that is said", .enabled(if: getuid() == 0), arguments: TestIdentity.ordinary)
    func chroot(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let script =
            "d=\(place.root)/root; mkdir $d; mount --rbind / $d; exec /usr/sbin/chroot $d /bin/sh -c 'cd \(place.project); exec \"$@\"' sh \"$@\""
        let doctor = try inside(script, place, ["doctor"])
        #expect(doctor.exitCode == 4 && doctor.output.contains("This stops every sandbox: user namespaces"), "\(doctor)")
        #expect(rmdir(place.root + "/root") == 0, "the mount was the namespace's own")
    }

    @Test("as the root of a user namespace of one's own coop works as well", arguments: TestIdentity.ordinary)
    func nested(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.outside([
            "/usr/bin/unshare", "--user", "--map-root-user", try BuiltPrograms.coop(), "run", "--", "sh", "-c", "id -u; echo x > made",
        ])
        #expect(outcome.exitCode == 0 && outcome.output == "0\n", "\(outcome)")
        #expect(place.exists("made"))
        #expect(try place.remains() == [])
    }

    @Test("where no user namespaces are left, the limit is named", .enabled(if: getuid() == 0))
    func limitReached() throws {
        let place = try Sandboxed(anyone)
        // The limit of a new user namespace is its own to set; below it coop finds none.
        let coop = try BuiltPrograms.coop()
        let outcome = try place.outside([
            "/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c",
            "echo 0 > /proc/sys/user/max_user_namespaces; \(coop) run -- true; echo $?; \(coop) doctor",
        ])
        #expect(
            outcome.output.hasPrefix("125\n") && outcome.error.contains("user.max_user_namespaces is 0")
                && outcome.error.contains("Next: sudo sysctl -w user.max_user_namespaces"), "\(outcome)")
        #expect(
            outcome.exitCode == 4 && outcome.output.contains("user.max_user_namespaces is 0")
                && outcome.output.contains("sysctl -w user.max_user_namespaces"))
    }

    private static let denyNetfilter = """
        #include <stddef.h>
        #include <errno.h>
        #include <unistd.h>
        #include <sys/prctl.h>
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <linux/filter.h>
        #include <linux/netlink.h>
        #include <linux/seccomp.h>
        int main(int count, char **words) {
            struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 5),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program)) return 99;
            execv(words[1], words + 1);
            return 98;
        }
        """

    private static let denyNamespaces = """
        #include <stddef.h>
        #include <errno.h>
        #include <unistd.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        int main(int count, char **words) {
            struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unshare, 4, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 4, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000000, 0, 2),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program)) return 99;
            execv(words[1], words + 1);
            return 98;
        }
        """
}
