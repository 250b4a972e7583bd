import Glibc
import LinuxKernel
import WardenProtocol

/// Compares what the kernel says with the plan, on every start. A difference stops the run: a layer that silently did
/// not take effect is worse than none.
struct Attestation {
    let plan: LaunchPlan
    let skippedMasks: Set<String>
    /// The seccomp filters of this process before the plan ran.
    let inheritedFilters: Int
    /// Descriptors that came with a request for a command.
    let streams: Set<Int32>
    private(set) var checks: UInt32

    /// - Parameter networkChecks: facts that were compared already, while there was the right to ask for them.
    init(plan: LaunchPlan, skippedMasks: Set<String>, inheritedFilters: Int, streams: Set<Int32>, networkChecks: UInt32) {
        checks = networkChecks
        self.plan = plan
        self.skippedMasks = skippedMasks
        self.inheritedFilters = inheritedFilters
        self.streams = streams
    }

    mutating func verify() throws(SetupFailure) {
        do {
            try verifyMounts(MountInfo.read())
            try verifyPrivileges(ProcessStatus.read())
            try verifyDescriptors()
            try verifyNetwork()
        } catch let error as SystemError {
            throw SetupFailure(step: "verify", subject: error.subject, error)
        } catch let error as SetupFailure {
            throw error
        } catch {
            throw SetupFailure(step: "verify", subject: "", reason: "\(error)")
        }
    }

    private mutating func require(_ condition: Bool, _ subject: String, _ reason: @autoclosure () -> String) throws(SetupFailure) {
        checks += 1
        guard condition else { throw SetupFailure(step: "verify", subject: subject, reason: reason()) }
    }

    private mutating func verifyMounts(_ actual: [MountInfo]) throws(SetupFailure) {
        let expected = plan.expectedMounts.filter { !skippedMasks.contains($0.point) }
        // Mounts at one point are stacked, and the last one is what a path leads to.
        var top: [[UInt8]: MountInfo] = [:]
        top.reserveCapacity(actual.count)
        for mount in actual { top[mount.mountPointBytes] = mount }
        var wanted: [[UInt8]: ExpectedMount] = [:]
        wanted.reserveCapacity(expected.count)
        for mount in expected {
            var merged = mount
            let point = mount.point.osBytes
            if let below = wanted[point], mount.type == nil { merged.type = below.type }
            wanted[point] = merged
        }
        for (key, mount) in wanted {
            let point = mount.point
            guard let found = top[key] else { throw SetupFailure(step: "verify", subject: point, reason: "is not mounted") }
            for name in mount.restrictions.names {
                try require(found.has(option: name), point, "is mounted without \(name)")
            }
            if let type = mount.type { try require(found.isType(type), point, "is a \(found.type), not a \(type)") }
            for option in mount.superOptions {
                try require(found.has(superOption: option), point, "is mounted without \(option)")
            }
            try require(!found.propagates, point, "still exchanges mounts with the host")
        }
        for (key, mount) in top where wanted[key] == nil {
            let point = mount.mountPoint
            // A submount that came with a recursive bind must carry the bind's restrictions.
            let above = wanted.values.filter { $0.recursive && FileSystem.contains($0.point, point) }
                .max { $0.point.utf8.count < $1.point.utf8.count }
            guard let above else { throw SetupFailure(step: "verify", subject: point, reason: "is mounted, but not in the plan") }
            for name in above.restrictions.names {
                try require(mount.has(option: name), point, "is mounted without \(name)")
            }
        }
    }

    private mutating func verifyPrivileges(_ status: ProcessStatus) throws(SetupFailure) {
        var filters = 0
        for operation in plan.operations {
            switch operation {
            case .dropPrivileges(let keep):
                try require(status.effective == keep && status.permitted == keep, "warden", "holds other capabilities than planned")
                try require(
                    status.bounding == 0 && status.inheritable == 0 && status.ambient == 0, "warden",
                    "could pass capabilities on")
                try require(status.noNewPrivileges, "warden", "no_new_privs is not set")
            case .seccomp: filters += 1
            default: break
            }
        }
        if filters > 0 {
            try require(status.seccompMode == 2, "warden", "no seccomp filter is in force")
            let expected = inheritedFilters + filters
            // Kernels before 5.9 do not count them.
            try require(
                status.seccompFilters == 0 || status.seccompFilters == expected, "warden",
                "\(status.seccompFilters) seccomp filters are in force, not \(expected)")
        }
        try require(status.threads == 1, "warden", "has more than one thread")
        try require(getpid() == 1, "warden", "is not the first process of its namespace")
    }

    /// Descriptor 3 is the channel; beside the streams of a command that waits to be started, nothing else is open.
    private mutating func verifyDescriptors() throws {
        for entry in try Descriptors.open() {
            try require(entry == 3 || streams.contains(entry), "descriptor \(entry)", "is open in the warden, but not in the plan")
        }
    }

    /// Only the loopback device, and no route but the planned one by it.
    private mutating func verifyNetwork() throws {
        let devices = String(decoding: try FileSystem.read("/proc/net/dev"), as: UTF8.self).split(separator: "\n").dropFirst(2)
        for device in devices {
            let name = device.drop { $0 == " " }.prefix { $0 != ":" }
            try require(name == "lo", String(name), "is a network device, but not in the plan")
        }
        let routes = String(decoding: try FileSystem.read("/proc/net/route"), as: UTF8.self).split(separator: "\n").dropFirst()
        let planned = plan.operations.count { if case .gatewayRoute = $0 { true } else { false } }
        try require(routes.count <= planned, "network", "there is a route that is not in the plan")
        try require(routes.count == planned, "network", "the route to the gateway is missing")
        try require(
            routes.allSatisfy { $0.split(separator: "\t").prefix(3) == ["lo", "00000000", "00000000"] }, "network",
            "there is another route than in the plan")
    }
}
