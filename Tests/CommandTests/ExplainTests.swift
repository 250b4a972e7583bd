import LinuxKernel
import Sandbox
import TestSupport
import Testing
import WardenProtocol

@Suite struct ExplainTests {
    @Test("explain prints the whole spec, plan and layers as JSON that decodes", arguments: TestIdentity.all)
    func json(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeDirectory("sub")
        let explained = try place.explain(
            [
                "-m", "/opt:/x:ro", "-e", "A=1", "--timeout", "90s", "--name", "n", "--workdir", "sub", "--allow-syscalls", "ptrace",
                "--ephemeral", "--degraded=landlock",
            ],
            ["printf", "a b", "-p"])
        let spec = explained.spec
        #expect(explained.engine == "native" && spec.version == 1 && spec.name == "n" && spec.command == ["printf", "a b", "-p"])
        #expect(spec.workspace == Workspace(path: place.project, mode: .bind) && spec.home == Home(path: place.home, source: nil))
        #expect(spec.mounts.contains(Mount(source: "/opt", target: "/x", readOnly: true, isDirectory: true, reason: "--mount")))
        #expect(spec.environment.contains(EnvironmentVariable(name: "A", value: "1", origin: "-e")))
        #expect(
            spec.timeout == 90 && spec.workingDirectory == place("sub") && spec.systemCalls.groups == ["ptrace"]
                && spec.degraded == [.landlock])
        #expect(spec.network.mode == .scoped && spec.network.policy.rules.isEmpty && spec.user.id == identity.user)
        #expect(explained.plan.workload == Identity(user: identity.user, group: identity.group))
        #expect(explained.plan.separatesWarden == (identity == .subordinate))
        #expect(Set(explained.layers.map(\.layer)) == Set(Layer.allCases), "each layer is reported")
        #expect(explained.layers.count == Layer.allCases.count, "and once")
        #expect(explained.layers.allSatisfy { $0.strength != .missing && !$0.detail.isEmpty })
        #expect(explained.layers.first { $0.layer == .seccomp }?.strength == .weaker, "a group widens it")
        #expect(explained.layers.first { $0.layer == .separateWarden }?.strength == (identity == .subordinate ? .enforced : .weaker))
    }

    @Test("explain runs nothing and leaves nothing", arguments: TestIdentity.all)
    func leavesNothing(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nexcludes = [\"missing\"]\nprotect = [\"later\"]\n")
        try place.outside(["git", "init", "-q"]).expectSuccess()
        let before = try place.snapshot()
        try place.coop(["explain", "-m", "/opt:" + place("deep/er"), "--", "touch", "ran"]).expectSuccess()
        #expect(try place.snapshot() == before)
        #expect(try place.remains() == [])
        // A kept home would be made by a run only.
        #expect(try FileSystem.list(place.coopHome).filter { $0 == "projects" } == [])
    }

    @Test("run mounts exactly what explain says, as the kernel sees it inside", arguments: TestIdentity.all)
    func sameMounts(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write("coop.toml", "name = \"x\"\n[sandbox]\nexcludes = [\"build\"]\nprotect = [\"ci\"]\n")
        try place.write("ci/run", "x")
        try place.outside(["git", "init", "-q"]).expectSuccess()
        let options = ["-m", "/opt:/mnt/with space:ro", "-m", place.root + "/home:/data"]
        let expected = try place.explain(options).plan.expectedMounts
        let outcome = try place.run(["cat", "/proc/self/mountinfo"], options: options)
        outcome.expectSuccess()
        let mounts = outcome.output.split(separator: "\n").compactMap { MountInfo(line: $0) }
        // Several mounts may lie on one point; the last one is seen.
        var seen: [String: MountInfo] = [:]
        for mount in mounts { seen[mount.mountPoint] = mount }
        for mount in expected {
            guard let found = seen[mount.point] else {
                Issue.record("\(mount.point) is not mounted")
                continue
            }
            #expect(Set(mount.restrictions.names).isSubset(of: found.options), "\(mount.point): \(found.options)")
            #expect(!found.propagates)
        }
        let allowed = Set(expected.map(\.point))
        for mount in mounts {
            let isListed = allowed.contains(mount.mountPoint)
            let isBelow = expected.contains { $0.recursive && FileSystem.contains($0.point, mount.mountPoint) }
            #expect(isListed || isBelow, "\(mount.mountPoint) is mounted, and not in the plan")
        }
        // Writable is only what the plan says.
        for (point, mount) in seen where mount.options.contains("rw") && !point.hasPrefix("/dev") && !point.hasPrefix("/proc") {
            let rule = expected.last { $0.point == point }
            #expect(rule.map { !$0.restrictions.contains(.readOnly) } ?? false, "\(point) is writable")
        }
    }

    @Test("run gives exactly the environment, directory, host name and limits of explain", arguments: TestIdentity.all)
    func sameProcess(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let options = ["-e", "A=1", "--workdir", "/usr"]
        let explained = try place.explain(options)
        let spec = explained.spec
        let outcome = try place.shell(
            "env | sort; pwd; hostname; id -u; id -g; grep -E 'NoNewPrivs|Seccomp:|CapBnd|CapEff' /proc/self/status; ulimit -c; cat /etc/passwd",
            options: options)
        for variable in spec.environment where !["COOP_SESSION", "PWD"].contains(variable.name) {
            #expect(outcome.output.contains("\(variable.name)=\(variable.value)\n"), "\(variable.name)")
        }
        #expect(
            outcome.output.contains("\n\(spec.workingDirectory)\n\(spec.hostname)\n\(spec.user.id)\n\(spec.user.group)\n"), "\(outcome)")
        #expect(outcome.output.contains("NoNewPrivs:\t1") && outcome.output.contains("Seccomp:\t2"))
        #expect(outcome.output.contains("CapBnd:\t0000000000000000") && outcome.output.contains("CapEff:\t0000000000000000"))
        let passwd = explained.plan.operations.compactMap { operation -> String? in
            if case .file("/etc/passwd", let contents, _) = operation { return String(osBytes: contents) }
            return nil
        }.first
        #expect(outcome.output.hasSuffix(passwd ?? "?"))
    }

    @Test("the text form names the layers, mounts, environment and plan, and has no control characters", arguments: TestIdentity.all)
    func text(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.coop(["explain", "-e", "X=\u{1B}[2J\n\u{9B}31m", "-m", "/opt:/x:ro", "--", "true"])
        outcome.expectSuccess()
        for part in [
            "command    true\n", "workspace  \(place.project) (bind)\n", "network    scoped\n", "\nLayers\n", "\nMounts\n",
            "\nEnvironment\n",
            "\nPlan\n", "enforced  landlock", "X     ",
        ] {
            #expect(outcome.output.contains(part), "\(part) in \(outcome.output)")
        }
        #expect(outcome.outputBytes.allSatisfy { $0 == 10 || $0 >= 0x20 })
        #expect(!outcome.output.unicodeScalars.contains("\u{9B}"))
    }
}
