import Sandbox
import WardenProtocol

@testable import NativeEngine

extension HostFacts {
    /// A host that is not at hand: Debian 12 or later as an ordinary user, and what differs.
    static func simulated(
        kernel: String = "6.12.0", user: UInt32 = 1000, landlock: Int = 7, subordinate: Bool = false, tools: Bool = true,
        mergedUsr: Bool = true, seccomp: Bool = true, maskedProc: Bool = false,
        namespaces: [String] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"],
        hardCore: UInt64 = .max, hardProcesses: UInt64 = 30000
    ) -> HostFacts {
        let links = ["/bin", "/lib", "/lib64", "/sbin"]
        let system =
            [SystemPath(path: "/usr", link: nil), SystemPath(path: "/opt", link: nil)]
            + links.map { SystemPath(path: $0, link: mergedUsr ? "usr" + $0 : nil) }
        return HostFacts(
            kernel: kernel,
            users: UserMapping(
                user: user, group: user, subordinateUsers: subordinate ? .init(first: 100_000, count: 65536) : nil,
                subordinateGroups: subordinate ? .init(first: 100_000, count: 65536) : nil, idMapTools: tools),
            landlock: landlock, namespaces: namespaces, seccompFilter: seccomp,
            systemPaths: system,
            configurationPaths: [
                ConfigurationPath(path: "/etc/alternatives", source: "/etc/alternatives", isDirectory: true),
                ConfigurationPath(path: "/etc/localtime", source: "/usr/share/zoneinfo/Europe/Berlin", isDirectory: false),
            ],
            memory: 8 << 30, devices: ["null", "zero", "full", "random", "urandom", "tty"],
            hardProcesses: hardProcesses, hardFileSize: .max, hardData: .max, hardCore: hardCore, procIsMasked: maskedProc,
            readOnlyProc: ["/proc/sys", "/proc/irq"], hiddenProc: ["/proc/kcore", "/proc/acpi"])
    }
}

extension SandboxSpec {
    /// A spec of user 1000 in /home/ann/project.
    static func simulated(
        mode: Workspace.Mode = .bind, homeSource: String? = "/home/ann/.coop/projects/k/home", mounts: [Mount] = [],
        excludes: [String] = [],
        protected: [Protection] = [], user: UInt32 = 1000, limits: Limits = Limits(), groups: [String] = [], degraded: [Layer] = []
    ) -> SandboxSpec {
        SandboxSpec(
            id: "abcdefgh2345", workspace: Workspace(path: "/home/ann/project", mode: mode),
            home: Home(path: "/home/ann", source: homeSource), mounts: mounts, excludes: excludes, protected: protected,
            environment: [EnvironmentVariable(name: "PATH", value: "/usr/bin", origin: "coop")],
            user: User(name: user == 0 ? "root" : "ann", id: user, group: user, groupName: user == 0 ? "root" : "ann", shell: "/bin/bash"),
            workingDirectory: "/home/ann/project", limits: limits, systemCalls: SystemCalls(groups: groups), degraded: degraded,
            command: ["true"])
    }
}

/// The plan of a simulated host, with no cgroups unless some are given.
func simulatedPlan(_ spec: SandboxSpec = .simulated(), _ facts: HostFacts = .simulated(), cgroups: CgroupHost = CgroupHost(places: [:]))
    throws
    -> LaunchPlan
{
    let limits = try LimitDecision(spec: spec, facts: facts) { cgroups }
    return LaunchPlanner(spec: spec, facts: facts, limits: limits, filters: [("built-in", [UInt8](repeating: 7, count: 16))]).plan()
}
