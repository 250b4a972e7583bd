import FoundationEssentials
import LinuxKernel
import Sandbox
import Testing
import WardenProtocol

@testable import NativeEngine

@Suite struct LaunchPlannerTests {
    // MARK: - The whole plan

    @Test("the plan of an ordinary Debian user is exactly this list")
    func golden() throws {
        let spec = SandboxSpec.simulated(
            mounts: [Mount(source: "/data/set", target: "/data", readOnly: true, isDirectory: true, reason: "-m")],
            excludes: ["/home/ann/project/node_modules"],
            protected: [
                Protection(path: "/home/ann/project/.github", form: .pinned, reason: "holds a protected path"),
                Protection(path: "/home/ann/project/.github/workflows", form: .readOnly, reason: "runs on the server"),
            ])
        let lines = try simulatedPlan(spec).operations.map { $0.summary.isEmpty ? $0.name : "\($0.name) \($0.summary)" }
        let golden = """
            private-mounts
            root tmpfs, 16777216 bytes, 16384 files
            bind /usr (ro,nosuid,nodev,recursive)
            bind /opt (ro,nosuid,nodev,recursive)
            symlink /bin -> usr/bin
            symlink /lib -> usr/lib
            symlink /lib64 -> usr/lib64
            symlink /sbin -> usr/sbin
            directory /etc 755 warden
            bind /etc/alternatives (ro,nosuid,nodev)
            symlink /etc/localtime -> /usr/share/zoneinfo/Europe/Berlin
            symlink /etc/mtab -> /proc/self/mounts
            directory /run 755 warden
            directory /run/lock 755 warden
            directory /run/coop 755 warden
            directory /var 755 warden
            symlink /var/tmp -> /tmp
            symlink /var/run -> /run
            directory /dev 755 warden
            bind /dev/null (nosuid)
            bind /dev/zero (nosuid)
            bind /dev/full (nosuid)
            bind /dev/random (nosuid)
            bind /dev/urandom (nosuid)
            bind /dev/tty (nosuid)
            terminals /dev/pts
            message-queues /dev/mqueue
            symlink /dev/ptmx -> pts/ptmx
            symlink /dev/fd -> /proc/self/fd
            symlink /dev/stdin -> /proc/self/fd/0
            symlink /dev/stdout -> /proc/self/fd/1
            symlink /dev/stderr -> /proc/self/fd/2
            proc /proc
            mask /proc/kcore
            mask /proc/acpi
            loopback
            file /etc/passwd 644, 126 bytes
            file /etc/group 644, 48 bytes
            file /etc/hostname 644, 5 bytes
            file /etc/hosts 644, 66 bytes
            file /etc/resolv.conf 644, 41 bytes
            file /etc/nsswitch.conf 644, 91 bytes
            file /etc/machine-id 644, 0 bytes
            file /etc/host.conf 644, 9 bytes
            tmpfs /dev/shm, 2147483648 bytes (nosuid,nodev)
            tmpfs /tmp, 2147483648 bytes (nosuid,nodev)
            bind /home/ann/.coop/projects/k/home at /home/ann (nosuid,nodev)
            kernel-setting /proc/sys/user/max_user_namespaces = 0
            read-only /proc/sys
            read-only /proc/irq
            hostname coop
            bind /data/set at /data (ro,nosuid,nodev,recursive)
            bind /home/ann/project (nosuid,nodev,recursive)
            tmpfs /home/ann/project/node_modules, 2147483648 bytes (nosuid,nodev)
            pin /home/ann/project/.github
            read-only /home/ann/project/.github/workflows
            enter-root
            resource-limit processes 8193 8193
            resource-limit core 1 1
            landlock /, /dev, /dev/shm, /dev/mqueue, /proc, /tmp, /home/ann, /home/ann/project, /home/ann/project/node_modules
            drop-privileges no capability left
            seccomp built-in, 2 instructions
            """
        #expect(lines.joined(separator: "\n") == golden)
    }

    @Test("the same spec and facts give the same plan, byte for byte")
    func pure() throws {
        for facts in LaunchPlannerTests.hosts {
            let (first, second) = (try simulatedPlan(.simulated(), facts), try simulatedPlan(.simulated(), facts))
            var (one, two) = (WireWriter(), WireWriter())
            first.encode(to: &one)
            second.encode(to: &two)
            #expect(first == second && one.bytes == two.bytes)
        }
    }

    @Test("a plan survives JSON and the wire", arguments: 0..<LaunchPlannerTests.hosts.count)
    func roundTrip(_ host: Int) throws {
        let plan = try simulatedPlan(LaunchPlannerTests.fullSpec, LaunchPlannerTests.hosts[host])
        #expect(try JSONDecoder().decode(LaunchPlan.self, from: JSONEncoder().encode(plan)) == plan)
        var writer = WireWriter()
        plan.encode(to: &writer)
        var reader = WireReader(writer.bytes)
        #expect(try LaunchPlan(from: &reader) == plan)
        #expect(reader.isAtEnd)
    }

    @Test("a plan cut short on the wire is refused at every length")
    func truncated() throws {
        var writer = WireWriter()
        try simulatedPlan().encode(to: &writer)
        for count in stride(from: 0, to: writer.bytes.count, by: 7) {
            var reader = WireReader(Array(writer.bytes.prefix(count)))
            #expect(throws: WireError.self) { try LaunchPlan(from: &reader) }
        }
    }

    // MARK: - What always holds

    static let hosts: [HostFacts] = [
        .simulated(), .simulated(subordinate: true), .simulated(user: 0), .simulated(user: 0, subordinate: true),
        .simulated(mergedUsr: false),
        .simulated(landlock: 0), .simulated(landlock: 1), .simulated(landlock: 2), .simulated(landlock: 3), .simulated(landlock: 4),
        .simulated(landlock: 5), .simulated(landlock: 6), .simulated(tools: false),
    ]

    static let fullSpec = SandboxSpec.simulated(
        mounts: [
            Mount(source: "/src/deep", target: "/home/ann/project/vendor/deep", readOnly: false, isDirectory: true, reason: "-m"),
            Mount(source: "/src/vendor", target: "/home/ann/project/vendor", readOnly: true, isDirectory: true, reason: "-m"),
            Mount(source: "/src/file", target: "/home/ann/project/file", readOnly: true, isDirectory: false, reason: "-m"),
            Mount(source: "/s/tools", target: "/home/ann/.tools", readOnly: true, isDirectory: true, reason: "tools"),
            Mount(source: "/data", target: "/data", readOnly: false, isDirectory: true, reason: "-m"),
        ],
        excludes: ["/home/ann/project/build"],
        protected: [
            Protection(path: "/home/ann/project/a", form: .pinned, reason: "r"),
            Protection(path: "/home/ann/project/a/b", form: .readOnly, reason: "r"),
            Protection(path: "/home/ann/project/s.sock", form: .masked, reason: "r"),
        ],
        limits: Limits(memory: 1 << 30, cpus: 1.5, processes: 100, disk: 1 << 30), groups: ["ptrace"])

    static let specs: [SandboxSpec] = [.simulated(), fullSpec, .simulated(mode: .none, homeSource: nil), .simulated(user: 0)]

    private func every(_ body: (SandboxSpec, HostFacts, LaunchPlan) throws -> Void) throws {
        for spec in LaunchPlannerTests.specs {
            for facts in LaunchPlannerTests.hosts { try body(spec, facts, simulatedPlan(spec, facts)) }
        }
    }

    @Test("nothing is mounted over what was mounted before, so nothing listed is hidden")
    func parentsFirst() throws {
        try every { _, _, plan in
            let targets = plan.operations.compactMap(\.newMountTarget)
            for (index, target) in targets.enumerated() {
                for earlier in targets[..<index] where FileSystem.contains(target, earlier) {
                    Issue.record("\(target) comes after \(earlier) and hides it")
                }
            }
        }
    }

    @Test("an excluded directory does not hide what was mounted below it")
    func excludeAboveMount() throws {
        let spec = SandboxSpec.simulated(
            mounts: [Mount(source: "/cache", target: "/home/ann/project/build/cache", readOnly: true, isDirectory: true, reason: "-m")],
            excludes: ["/home/ann/project/build"])
        let targets = try simulatedPlan(spec).operations.compactMap(\.newMountTarget)
        let exclude = try #require(targets.firstIndex(of: "/home/ann/project/build"))
        let mount = try #require(targets.firstIndex(of: "/home/ann/project/build/cache"))
        #expect(exclude < mount)
    }

    @Test("an excluded directory inside a mount is empty, whatever the order")
    func excludeBelowMount() throws {
        let spec = SandboxSpec.simulated(
            mounts: [Mount(source: "/v", target: "/home/ann/project/vendor", readOnly: true, isDirectory: true, reason: "-m")],
            excludes: ["/home/ann/project/vendor/build", "/home/ann/project/x"])
        let targets = try simulatedPlan(spec).operations.compactMap(\.newMountTarget)
        let mount = try #require(targets.firstIndex(of: "/home/ann/project/vendor"))
        let exclude = try #require(targets.firstIndex(of: "/home/ann/project/vendor/build"))
        #expect(mount < exclude)
    }

    @Test("only the workspace, HOME, the mounts that say so and memory are writable")
    func writable() throws {
        try every { spec, facts, plan in
            var allowed = spec.mounts.filter { !$0.readOnly }.map(\.target) + facts.devices.map { "/dev/" + $0 }
            if spec.home.source != nil { allowed.append(spec.home.path) }
            if spec.workspace.mode == .bind { allowed.append(spec.workspace.path) }
            for operation in plan.operations {
                if case .bind(_, let target, let restrictions, _) = operation, !restrictions.contains(.readOnly) {
                    #expect(allowed.contains(target), "\(target) is writable")
                }
            }
        }
    }

    @Test("Landlock opens for writing nothing that is not writable by mounts")
    func landlockWrites() throws {
        try every { spec, facts, plan in
            for operation in plan.operations {
                guard case .landlock(let handled, _, let rules) = operation else { continue }
                let places =
                    ["/dev", "/dev/shm", "/dev/mqueue", "/proc", "/tmp", spec.home.path, spec.workspace.path]
                    + spec.mounts.filter { !$0.readOnly }.map(\.target) + spec.excludes
                for rule in rules {
                    #expect(rule.access & ~handled == 0, "\(rule.path) names rights that version \(facts.landlock) does not know")
                    if rule.access & ~LandlockAccess.read != 0 { #expect(places.contains(rule.path), "\(rule.path)") }
                }
                #expect(rules.first { $0.path == "/" }?.access == LandlockAccess.read)
            }
        }
    }

    @Test("every mount is nosuid, and nodev but for the device nodes themselves")
    func restrictions() throws {
        try every { _, facts, plan in
            let nodes = Set(facts.devices.map { "/dev/" + $0 } + ["/dev/pts"])
            let changes = Set(plan.operations.compactMap(\.changedPath))
            for mount in plan.expectedMounts where !changes.contains(mount.point) {
                #expect(mount.restrictions.contains(.noSetuid), "\(mount.point)")
                if !nodes.contains(mount.point) { #expect(mount.restrictions.contains(.noDevices), "\(mount.point)") }
            }
        }
    }

    @Test("whatever the plan mounts or changes is expected afterwards, in the same order")
    func expected() throws {
        try every { _, _, plan in
            let points = plan.operations.compactMap { operation -> String? in
                if case .root = operation { return "/" }
                return operation.newMountTarget ?? operation.changedPath
            }
            #expect(plan.expectedMounts.map(\.point) == points)
        }
    }

    @Test("confinement comes last, and seccomp after everything that it would forbid")
    func order() throws {
        try every { _, _, plan in
            let names = plan.operations.map(\.name)
            #expect(names.first == "private-mounts" && names[1] == "root")
            #expect(names.last == "seccomp")
            let enter = try #require(names.firstIndex(of: "enter-root"))
            let after: Set = ["resource-limit", "landlock", "drop-privileges", "seccomp"]
            #expect(names[(enter + 1)...].allSatisfy(after.contains))
            #expect(!names[..<enter].contains(where: after.contains))
            let drop = try #require(names.firstIndex(of: "drop-privileges"))
            if let landlock = names.firstIndex(of: "landlock") { #expect(landlock < drop) }
            let first = try #require(names.firstIndex(of: "seccomp"))
            #expect(drop < first)
        }
    }

    @Test("no target has links or dots in it that a mount could be led astray by")
    func plainTargets() throws {
        try every { _, _, plan in
            for mount in plan.expectedMounts { #expect(FileSystem.normalize(mount.point) == mount.point) }
        }
    }

    // MARK: - Kinds of hosts

    @Test("with subordinate ids the warden is another user, and keeps only what ends processes")
    func separateWarden() throws {
        let plan = try simulatedPlan(.simulated(), .simulated(subordinate: true))
        #expect(plan.warden == Identity(user: 0, group: 0) && plan.workload == Identity(user: 1000, group: 1000))
        #expect(plan.operations.contains(.dropPrivileges(keep: 0b1110_0000)))
        let root = try simulatedPlan(.simulated(user: 0), .simulated(user: 0, subordinate: true))
        #expect(root.warden == Identity(user: 1, group: 1) && root.workload == Identity(user: 0, group: 0))
    }

    @Test("without them, or without newuidmap, warden and command share an id and no capability stays")
    func singleIdentity() throws {
        for facts in [HostFacts.simulated(), .simulated(subordinate: true, tools: false)] {
            let plan = try simulatedPlan(.simulated(), facts)
            #expect(!plan.separatesWarden && plan.warden == plan.workload)
            #expect(plan.operations.contains(.dropPrivileges(keep: 0)))
        }
    }

    @Test("Landlock is used from version 2 on, with the rights that the version knows", arguments: 0...8)
    func landlockVersions(_ version: Int) throws {
        let plan = try simulatedPlan(.simulated(), .simulated(landlock: version))
        let found = plan.operations.compactMap { operation -> (UInt64, UInt64)? in
            if case .landlock(let handled, let scopes, _) = operation { return (handled, scopes) }
            return nil
        }
        guard version >= 2 else {
            #expect(found.isEmpty)
            return
        }
        let bits = [2: 14, 3: 15, 4: 15, 5: 16][version] ?? 16
        #expect(found.count == 1)
        // A regular file that is made is opened for writing, which is watched.
        #expect(found.first?.0 == ((UInt64(1) << UInt64(bits)) - 1) & ~(1 << 8))
        #expect(found.first?.1 == (version >= 6 ? 3 : 0))
    }

    @Test("a merged /usr becomes links, a separate /bin a mount of its own")
    func usrMerge() throws {
        let merged = try simulatedPlan(.simulated(), .simulated(mergedUsr: true)).operations
        #expect(merged.contains(.symlink(path: "/bin", destination: "usr/bin")))
        let separate = try simulatedPlan(.simulated(), .simulated(mergedUsr: false)).operations
        #expect(
            separate.contains(
                .bind(source: "/bin", target: "/bin", restrictions: [.readOnly, .noSetuid, .noDevices], recursive: true)))
    }

    @Test("a link of /etc that leads into the system stays one, a small file is copied, everything else is mounted read-only")
    func configurationLinks() throws {
        var facts = HostFacts.simulated()
        facts.configurationPaths += [
            .init(path: "/etc/shells", source: "/etc/shells", isDirectory: false, isSmall: true),
            .init(path: "/etc/mime.types", source: "/etc/mime.types", isDirectory: false),
            .init(path: "/etc/vim", source: "/srv/vim", isDirectory: true),
        ]
        let operations = try simulatedPlan(.simulated(), facts).operations
        let restrictions: MountRestrictions = [.readOnly, .noSetuid, .noDevices]
        #expect(operations.contains(.symlink(path: "/etc/localtime", destination: "/usr/share/zoneinfo/Europe/Berlin")))
        #expect(operations.contains(.copy(source: "/etc/shells", path: "/etc/shells")))
        #expect(
            operations.contains(.bind(source: "/etc/mime.types", target: "/etc/mime.types", restrictions: restrictions, recursive: false)))
        #expect(operations.contains(.bind(source: "/srv/vim", target: "/etc/vim", restrictions: restrictions, recursive: false)))
    }

    @Test("files of HOME are put there after everything that is mounted, and before the root is entered")
    func homeFiles() throws {
        var spec = SandboxSpec.simulated()
        spec.home.files = [HomeFile(path: "/home/me/.agent/login.json", contents: "stub", reason: "grant agent")]
        let operations = try simulatedPlan(spec, .simulated()).operations
        let file = try #require(operations.firstIndex(of: .homeFile(path: "/home/me/.agent/login.json", contents: Array("stub".utf8))))
        let mounts = operations.indices.filter { if case .bind = operations[$0] { true } else { false } }
        #expect(mounts.allSatisfy { $0 < file } && operations[file...].contains(.enterRoot))
    }

    @Test("the user database inside has the user, root and nobody, and no other account", arguments: [UInt32(0), 1000])
    func passwd(_ user: UInt32) throws {
        let plan = try simulatedPlan(.simulated(user: user), .simulated(user: user))
        let text = plan.operations.compactMap { operation -> String? in
            if case .file("/etc/passwd", let contents, let mode) = operation, mode == 0o644 { return String(osBytes: contents) }
            return nil
        }
        let line =
            user == 0 ? "root:x:0:0:root:/home/ann:/bin/bash\n" : "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/bash\n"
        #expect(text == [line + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"])
    }

    @Test("a second wall keeps namespaces from being nested, unless that group was asked for")
    func nesting() throws {
        let setting = PlanOperation.kernelSetting(path: "/proc/sys/user/max_user_namespaces", value: "0")
        #expect(try simulatedPlan().operations.contains(setting))
        #expect(try !simulatedPlan(.simulated(groups: ["nested-userns"])).operations.contains(setting))
    }

    @Test("no workspace means an empty one in memory at its path; no home source likewise")
    func inMemory() throws {
        let plan = try simulatedPlan(.simulated(mode: .none, homeSource: nil))
        let memory = plan.operations.compactMap { operation -> String? in
            if case .tmpfs(let target, _, _, _, .workload, _) = operation { return target }
            return nil
        }
        #expect(memory == ["/home/ann", "/home/ann/project"])
    }

    @Test("`disk` is the size of each directory in memory; else a quarter of the memory, 64 MiB to 4 GiB")
    func memoryDirectories() throws {
        func size(_ spec: SandboxSpec, memory: UInt64) throws -> UInt64? {
            var facts = HostFacts.simulated()
            facts.memory = memory
            return try simulatedPlan(spec, facts).operations.compactMap { operation -> UInt64? in
                if case .tmpfs("/tmp", let bytes, _, _, _, _) = operation { return bytes }
                return nil
            }.first
        }
        #expect(try size(.simulated(), memory: 8 << 30) == 2 << 30)
        #expect(try size(.simulated(), memory: 64 << 30) == 4 << 30)
        #expect(try size(.simulated(), memory: 16 << 20) == 64 << 20)
        #expect(try size(.simulated(limits: Limits(disk: 5 << 20)), memory: 8 << 30) == 5 << 20)
    }
}

extension PlanOperation {
    /// Where something new is mounted.
    var newMountTarget: String? {
        switch self {
        case .bind(_, let target, _, _), .tmpfs(let target, _, _, _, _, _), .proc(let target), .terminals(let target),
            .messageQueues(let target):
            target
        default: nil
        }
    }

    /// What is mounted onto itself or covered.
    var changedPath: String? {
        switch self {
        case .pin(let path), .readOnly(let path), .mask(let path): path
        default: nil
        }
    }
}
