import Sandbox
import WardenProtocol

/// How each limit of a spec is enforced on this host.
public struct LimitDecision {
    public var resourceLimits: [PlanOperation] = []
    public var cgroup = CgroupSettings()
    public var reports: [LayerReport] = []

    /// Processes and threads that a sandbox may have when nobody says otherwise: beyond any build, below what hurts.
    public static let defaultProcesses: UInt64 = 8192

    /// RLIMIT_* numbers of Linux (getrlimit(2)).
    private enum Resource {
        static let fileSize: Int32 = 1
        static let data: Int32 = 2
        static let core: Int32 = 4
        static let processes: Int32 = 6
    }

    /// - Parameter cgroups: looks for cgroups; called only when a limit needs one.
    public init(spec: SandboxSpec, facts: HostFacts, cgroups: () throws -> CgroupHost) throws {
        let limits = spec.limits
        // The kernel counts processes per user and user namespace, but never refuses one to the host's root (clone(2)).
        let processesNeedCgroup = facts.isRoot
        var host = CgroupHost(places: [:])
        if limits.memory != nil || limits.cpus != nil || limits.processes != nil || processesNeedCgroup { host = try cgroups() }

        decideProcesses(limits.processes, facts: facts, host: host)
        decideMemory(limits.memory, facts: facts, host: host)
        decideCPUs(limits.cpus, host: host)
        decideDisk(limits.disk, spec: spec, facts: facts)
        // 1 rather than 0: a core_pattern that pipes to a program of the host is skipped only for exactly 1 (core(5)).
        let core = min(1, facts.hardCore)
        resourceLimits.append(.resourceLimit(resource: Resource.core, name: "core", soft: core, hard: core))
    }

    private mutating func decideProcesses(_ asked: UInt64?, facts: HostFacts, host: CgroupHost) {
        let count = asked ?? LimitDecision.defaultProcesses
        if let place = host.places[.pids] {
            cgroup.add(.pids, at: place, .processes(count))
            reports.append(LayerReport(.processes, .enforced, "\(count), by cgroup"))
        } else if !facts.isRoot {
            let limit = min(count + 1, facts.hardProcesses)
            resourceLimits.append(.resourceLimit(resource: Resource.processes, name: "processes", soft: limit, hard: limit))
            reports.append(LayerReport(.processes, .enforced, "\(count), by RLIMIT_NPROC, which counts per user namespace"))
        } else {
            let strength: LayerReport.Strength = asked == nil ? .weaker : .missing
            reports.append(
                LayerReport(
                    .processes, strength, "RLIMIT_NPROC does not bind root, and no cgroup can be made",
                    next: "run coop as an ordinary user"))
        }
    }

    private mutating func decideMemory(_ asked: UInt64?, facts: HostFacts, host: CgroupHost) {
        guard let bytes = asked else {
            reports.append(LayerReport(.memory, .unused, "no limit asked for"))
            return
        }
        if let place = host.places[.memory] {
            cgroup.add(.memory, at: place, .memory(bytes))
            reports.append(LayerReport(.memory, .enforced, "\(bytes) bytes, by cgroup"))
        } else {
            let limit = min(bytes, facts.hardData)
            resourceLimits.append(.resourceLimit(resource: Resource.data, name: "data", soft: limit, hard: limit))
            reports.append(
                LayerReport(
                    .memory, .weaker, "\(bytes) bytes for each process, by RLIMIT_DATA; no cgroup can be made here",
                    next: "log in through systemd, or delegate a cgroup (docs/configuration.md)"))
        }
    }

    private mutating func decideCPUs(_ asked: Double?, host: CgroupHost) {
        guard let count = asked else {
            reports.append(LayerReport(.cpu, .unused, "no limit asked for"))
            return
        }
        if let place = host.places[.cpu] {
            cgroup.add(.cpu, at: place, .cpus(count))
            reports.append(LayerReport(.cpu, .enforced, "\(count) processors, by cgroup"))
        } else {
            reports.append(
                LayerReport(
                    .cpu, .missing, "processor time can only be limited by a cgroup, and none can be made here",
                    next: "log in through systemd, or add --degraded=cpu"))
        }
    }

    private mutating func decideDisk(_ asked: UInt64?, spec: SandboxSpec, facts: HostFacts) {
        guard let bytes = asked else {
            reports.append(LayerReport(.disk, .unused, "no limit asked for; /tmp is in memory and limited"))
            return
        }
        let limit = min(bytes, facts.hardFileSize)
        resourceLimits.append(.resourceLimit(resource: Resource.fileSize, name: "file-size", soft: limit, hard: limit))
        if spec.workspace.mode == .none, spec.home.source == nil {
            reports.append(LayerReport(.disk, .enforced, "\(bytes) bytes in each directory, all of them in memory"))
        } else {
            reports.append(
                LayerReport(
                    .disk, .missing,
                    "the workspace and HOME lie on the host's disk, where only the size of each file can be limited",
                    next: "use --workspace none --ephemeral, or add --degraded=disk"))
        }
    }
}
