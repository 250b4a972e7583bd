import LinuxKernel
import Sandbox
import WardenProtocol

/// Derives the launch plan from the spec: a pure function, tested without privileges.
public struct LaunchPlanner {
    let spec: SandboxSpec
    let facts: HostFacts
    /// Decisions about limits, made from the spec and what the host offers.
    let limits: LimitDecision
    /// Compiled system call filters, in the order they are installed.
    let filters: [(name: String, program: [UInt8])]

    public init(spec: SandboxSpec, facts: HostFacts, limits: LimitDecision, filters: [(name: String, program: [UInt8])]) {
        self.spec = spec
        self.facts = facts
        self.limits = limits
        self.filters = filters
    }

    /// CAP_KILL, CAP_SETGID and CAP_SETUID: what a warden that is another user than the command needs to start, signal
    /// and end it.
    static let wardenCapabilities: UInt64 = 1 << 5 | 1 << 6 | 1 << 7

    public func plan() -> LaunchPlan {
        let workload = Identity(user: spec.user.id, group: spec.user.group)
        let warden = facts.users.wardenIdentity
        var operations = LaunchPlanner.beginning(facts: facts).operations
        operations += LaunchPlanner.continuation(of: spec, facts: facts).operations
        operations += LaunchPlanner.files(of: spec, facts: facts).operations
        operations += hostTrees()
        operations += covers()
        operations += protections()
        // After everything that is mounted, so that nothing is written into what is somebody else's.
        operations += spec.home.files.map { .homeFile(path: $0.path, contents: $0.contents.osBytes) }
        operations += [.enterRoot]
        operations += confinement(separate: warden != workload)
        return LaunchPlan(workload: workload, warden: warden, clearable: spec.home.path, operations: operations)
    }

    /// The workspace and everything else of the host, parents before children.
    private func hostTrees() -> [PlanOperation] {
        var trees = spec.mounts
        var result: [PlanOperation] = []
        var overlays: [(target: String, operation: PlanOperation)] = []
        switch spec.workspace.mode {
        case .bind:
            trees.append(
                Mount(
                    source: spec.workspace.path, target: spec.workspace.path, readOnly: false, isDirectory: true,
                    reason: "workspace"))
        case .overlay:
            let path = spec.workspace.path
            let directory = spec.workspace.overlay ?? ""
            overlays.append(
                (
                    path,
                    .overlay(
                        lower: path, upper: FileSystem.join(directory, "upper"), work: FileSystem.join(directory, "work"), target: path,
                        restrictions: .files, isGiven: spec.workspace.movesDirectories)
                ))
        case .none:
            result.append(
                .tmpfs(
                    target: spec.workspace.path, bytes: LaunchPlanner.temporaryBytes(spec, facts), inodes: 1 << 20, mode: 0o755,
                    owner: .workload,
                    restrictions: .files))
        }
        // What lies above another target comes first, so that nothing hides what was asked for below it; equal depth keeps
        // the order of the spec, excluded directories last.
        var steps = trees.map { mount in
            let restrictions: MountRestrictions = mount.readOnly ? [.readOnly, .noSetuid, .noDevices] : .files
            return (
                target: mount.target,
                operation: PlanOperation.bind(
                    source: mount.source, target: mount.target, restrictions: restrictions, recursive: mount.isDirectory)
            )
        }
        steps += overlays
        for path in spec.excludes {
            steps.append(
                (
                    path,
                    .tmpfs(
                        target: path, bytes: LaunchPlanner.temporaryBytes(spec, facts), inodes: 1 << 20, mode: 0o755, owner: .workload,
                        restrictions: .files)
                ))
        }
        let ordered = steps.enumerated().sorted { left, right in
            let (a, b) = (depth(left.element.target), depth(right.element.target))
            return a == b ? left.offset < right.offset : a < b
        }
        result += ordered.map(\.element.operation)
        return result
    }

    private func covers() -> [PlanOperation] {
        spec.covers.filter { !LaunchPlanner.isOwnFile($0) }.map {
            .cover(path: $0.path, files: $0.files, isDirectory: $0.isDirectory)
        }
    }

    private func depth(_ path: String) -> Int { path.utf8.count { $0 == UInt8(ascii: "/") } }

    private func protections() -> [PlanOperation] {
        spec.protected.map { protection in
            switch protection.form {
            case .pinned: .pin(path: protection.path)
            case .readOnly: .readOnly(path: protection.path)
            case .masked: .mask(path: protection.path)
            }
        }
    }

    private func confinement(separate: Bool) -> [PlanOperation] {
        var result: [PlanOperation] = limits.resourceLimits
        if facts.landlock >= LandlockAccess.oldestVersion { result.append(landlock()) }
        result.append(.dropPrivileges(keep: separate ? LaunchPlanner.wardenCapabilities : 0))
        for filter in filters { result.append(.seccomp(name: filter.name, program: filter.program)) }
        return result
    }

    /// Processes write to their own files there (`comm`, `oom_score_adj`). The host's root owns the files of the kernel as
    /// well, and gets no writing at all.
    private func procAccess(_ version: Int) -> UInt64 {
        if facts.isRoot { return LandlockAccess.read }
        return LandlockAccess.read | LandlockAccess.writeFile | (version >= 3 ? LandlockAccess.truncate : 0)
    }

    /// Everything may be read, since only what is listed exists; writing is opened up directory by directory.
    private func landlock() -> PlanOperation {
        let version = facts.landlock
        let write = LandlockAccess.write(version: version)
        let device = LandlockAccess.file(write) | LandlockAccess.readDirectory
        var rules = [
            LandlockRule(path: "/", access: LandlockAccess.read),
            LandlockRule(path: "/dev", access: device),
            LandlockRule(path: "/dev/shm", access: write),
            LandlockRule(path: "/dev/mqueue", access: write),
            LandlockRule(path: "/proc", access: procAccess(version)),
            LandlockRule(path: "/tmp", access: write),
            LandlockRule(path: spec.home.path, access: write),
            LandlockRule(path: spec.workspace.path, access: write),
        ]
        for mount in spec.mounts where !mount.readOnly {
            rules.append(LandlockRule(path: mount.target, access: mount.isDirectory ? write : LandlockAccess.file(write)))
        }
        for path in spec.excludes { rules.append(LandlockRule(path: path, access: write)) }
        return .landlock(
            handled: LandlockAccess.handled(version: version), scopes: LandlockAccess.scopes(version: version),
            rules: rules.map { LandlockRule(path: $0.path, access: $0.access & LandlockAccess.handled(version: version)) })
    }
}
