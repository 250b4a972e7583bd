import LinuxKernel
import Sandbox
import WardenProtocol

extension LaunchPlanner {
    /// What follows the beginning, and depends on little of the spec: network, names, limits, the private HOME. The warden does it while
    /// coop looks at the workspace and at what programs inside are to trust.
    ///
    /// - Parameter spec: whose mounts, covers, protected paths and files of the HOME may still be unknown.
    static func continuation(of spec: SandboxSpec, facts: HostFacts) -> LaunchPlan {
        LaunchPlan(
            workload: Identity(user: spec.user.id, group: spec.user.group), warden: facts.users.wardenIdentity, clearable: spec.home.path,
            operations: configuration(spec) + privateDirectories(spec, facts) + kernel(spec, facts) + gateway(spec))
    }

    /// Files of the sandbox's own that need no mount: what programs inside are to trust. The warden writes them while coop looks at the
    /// workspace.
    static func files(of spec: SandboxSpec, facts: HostFacts) -> LaunchPlan {
        LaunchPlan(
            workload: Identity(user: spec.user.id, group: spec.user.group), warden: facts.users.wardenIdentity, clearable: spec.home.path,
            operations: spec.covers.filter(isOwnFile).map { .compose(path: $0.path, parts: $0.files[0].parts) })
    }

    /// Below /run/coop nothing has to be covered: there a file needs no mount.
    static func isOwnFile(_ cover: Cover) -> Bool {
        !cover.isDirectory && cover.files.count == 1 && FileSystem.contains("/run/coop", cover.path)
    }

    /// The files of /etc that coop writes itself.
    private static func configuration(_ spec: SandboxSpec) -> [PlanOperation] {
        let user = spec.user
        var passwd = "root:x:0:0:root:/root:/bin/sh\n"
        if user.id != 0 { passwd += "\(user.name):x:\(user.id):\(user.group)::\(spec.home.path):\(user.shell)\n" }
        if user.id == 0 { passwd = "root:x:0:0:root:\(spec.home.path):\(user.shell)\n" }
        passwd += "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        var group = "root:x:0:\ntty:x:5:\n"
        if user.group != 0 { group += "\(user.groupName):x:\(user.group):\n" }
        group += "nogroup:x:65534:\n"
        let files: [(String, String)] = [
            ("/etc/passwd", passwd), ("/etc/group", group),
            ("/etc/hostname", spec.hostname + "\n"),
            ("/etc/hosts", "127.0.0.1 localhost \(spec.hostname)\n::1 localhost ip6-localhost ip6-loopback\n"),
            ("/etc/resolv.conf", resolverConfiguration(spec)),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"),
            ("/etc/machine-id", ""),
            ("/etc/host.conf", "multi on\n"),
        ]
        return files.map { .file(path: $0, contents: $1.osBytes, mode: 0o644) }
    }

    /// Names are answered by the gateway, which has IPv4 addresses only: resolv.conf(5), and `no-aaaa` of glibc 2.36 and later.
    private static func resolverConfiguration(_ spec: SandboxSpec) -> String {
        spec.network.usesGateway
            ? "nameserver \(Network.nameserver)\noptions timeout:5 attempts:2 no-aaaa\n" : "# Nothing is resolved without a network.\n"
    }

    /// A quarter of the memory, at most 4 GiB, or what `disk` says.
    static func temporaryBytes(_ spec: SandboxSpec, _ facts: HostFacts) -> UInt64 {
        spec.limits.disk ?? max(64 << 20, min(facts.memory / 4, 4 << 30))
    }

    private static func privateDirectories(_ spec: SandboxSpec, _ facts: HostFacts) -> [PlanOperation] {
        let bytes = temporaryBytes(spec, facts)
        var result: [PlanOperation] = [
            .tmpfs(target: "/dev/shm", bytes: bytes, inodes: 65536, mode: 0o1777, owner: .warden, restrictions: .files),
            .tmpfs(target: "/tmp", bytes: bytes, inodes: 1 << 20, mode: 0o1777, owner: .warden, restrictions: .files),
        ]
        if let source = spec.home.source {
            result.append(.bind(source: source, target: spec.home.path, restrictions: .files, recursive: false))
        } else {
            result.append(
                .tmpfs(
                    target: spec.home.path, bytes: bytes, inodes: 1 << 20, mode: 0o700, owner: .workload,
                    restrictions: .files))
        }
        return result
    }

    private static func kernel(_ spec: SandboxSpec, _ facts: HostFacts) -> [PlanOperation] {
        var result: [PlanOperation] = []
        if !spec.systemCalls.groups.contains("nested-userns") {
            // A second wall beside seccomp: the kernel itself counts the namespaces below this one.
            result.append(.kernelSetting(path: "/proc/sys/user/max_user_namespaces", value: "0"))
        }
        if spec.network.usesGateway {
            // All that happens inside is loopback, where a sender that paces itself (BBR, the default of many hosts) only costs time.
            // Sockets take it over when they are made; the gateway's, too.
            result.append(.kernelSetting(path: "/proc/sys/net/ipv4/tcp_congestion_control", value: "reno"))
        }
        result += facts.readOnlyProc.map { .readOnly(path: $0) }
        result.append(.hostname(spec.hostname))
        return result
    }
}
