import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Linux namespaces, without a daemon, a container runtime or root.
public struct NativeEngine: Engine {
    public static let name = "native"
    public var name: String { NativeEngine.name }
    /// The warden's program on the host.
    let wardenPath: String
    /// Records what exists on the host while the sandbox lives, so that a later command can clean up after a `kill -9`.
    let journal: (_ cgroups: [String]) throws -> Void

    /// A warden that has been started already.
    let started: WardenStart?

    /// The mount of the one sandbox's overlay, where it was made outside.
    let overlay: Descriptor?

    /// - Parameter started: a warden for the one sandbox that this engine launches; without it `launch` starts one.
    public init(
        wardenPath: String, started: WardenStart? = nil, overlay: Descriptor? = nil,
        journal: @escaping (_ cgroups: [String]) throws -> Void = { _ in }
    ) {
        self.wardenPath = wardenPath
        self.started = started
        self.overlay = overlay
        self.journal = journal
    }

    public func explain(_ spec: SandboxSpec) throws -> Explanation {
        let prepared = try prepare(spec)
        return Explanation(engine: name, spec: spec, layers: prepared.layers, plan: prepared.plan)
    }

    private struct Prepared {
        var facts: HostFacts
        var layers: [LayerReport]
        var plan: LaunchPlan
        var cgroup: CgroupSettings
        var limits: LimitDecision
    }

    private func probe() throws -> HostFacts {
        let facts = try HostFacts.probe()
        #if COOP_TEST_HOOKS
            return TestOmission.apply(to: facts)
        #else
            return facts
        #endif
    }

    private func prepare(_ spec: SandboxSpec) throws -> Prepared {
        try spec.network.check()
        let facts = try started?.facts ?? probe()
        let limits = try LimitDecision(spec: spec, facts: facts) { try CgroupHost.probe() }
        let filters = try SystemCallFilters.compile(spec.systemCalls, kernel: facts.kernel)
        var plan = LaunchPlanner(spec: spec, facts: facts, limits: limits, filters: filters).plan()
        #if COOP_TEST_HOOKS
            plan = TestOmission.apply(to: plan)
        #endif
        return Prepared(
            facts: facts, layers: LayerReports.make(spec: spec, facts: facts, limits: limits), plan: plan, cgroup: limits.cgroup,
            limits: limits)
    }

    public func launch(_ spec: SandboxSpec) throws -> LaunchedSandbox {
        let prepared = try prepare(spec)
        #if COOP_TEST_HOOKS
            let isOmitting = !TestOmission.items.isEmpty
        #else
            let isOmitting = false
        #endif
        if !isOmitting { try LayerReports.refuseMissing(prepared.layers, degraded: spec.degraded) }

        let cgroupName = "coop-" + spec.id
        if !prepared.cgroup.isEmpty { try journal(Cgroup.paths(name: cgroupName, settings: prepared.cgroup)) }
        let cgroup = prepared.cgroup.isEmpty ? nil : try Cgroup(name: cgroupName, settings: prepared.cgroup)
        do {
            // One that has been told to begin otherwise than this plan does is of no use.
            // systemd moves only processes of the user's own into a scope, which a warden with another id is not for long.
            let holdsBack = prepared.cgroup.systemd != nil && prepared.facts.users.separatesWarden
            let early = holdsBack ? nil : started.flatMap { start in start.beginning.map(prepared.plan.begins) ?? true ? start : nil }
            let start = try early ?? WardenStart(wardenPath: wardenPath, facts: prepared.facts, holdsBack: holdsBack)
            // Into the cgroup before it has a plan: whatever it starts is counted from the beginning.
            if let cgroup {
                try cgroup.add(start.pid)
                try journal(cgroup.directories)
            }
            let warden = try start.handOver(prepared.plan, overlay: overlay)
            // Whoever looked in haste looks now, beside the warden: no command is started before this is over.
            if !isOmitting, started != nil, try HostFacts.findMaskedProc() {
                kill(warden.pid, SIGKILL)
                var status: Int32 = 0
                while waitpid(warden.pid, &status, 0) < 0 && errno == EINTR {}
                var facts = prepared.facts
                facts.procIsMasked = true
                try LayerReports.refuseMissing(
                    LayerReports.make(spec: spec, facts: facts, limits: prepared.limits), degraded: spec.degraded)
            }
            return LaunchedSandbox(
                channel: warden.channel, pid: warden.pid, environment: spec.environment.map { "\($0.name)=\($0.value)" },
                workingDirectory: spec.workingDirectory, listeners: prepared.plan.listeners
            ) {
                // It may still be at work when something here has failed; with it goes everything inside.
                kill(warden.pid, SIGKILL)
                var status: Int32 = 0
                while waitpid(warden.pid, &status, 0) < 0 && errno == EINTR {}
                try cgroup?.remove()
            }
        } catch {
            try? cgroup?.remove()
            throw error
        }
    }
}
