import CoopErrors
import Sandbox
import Testing
import WardenProtocol

@testable import NativeEngine

@Suite struct LimitDecisionTests {
    private static let everywhere: [CgroupHost.Place] = [.systemd, .unified("/sys/fs/cgroup/user"), .separate("/sys/fs/cgroup/memory")]

    private func decide(
        _ limits: Limits, _ facts: HostFacts = .simulated(), mode: Workspace.Mode = .bind, homeSource: String? = "/h",
        place: CgroupHost.Place? = nil
    ) throws -> LimitDecision {
        try LimitDecision(spec: .simulated(mode: mode, homeSource: homeSource, limits: limits), facts: facts) {
            CgroupHost(
                places: place.map { place in Dictionary(uniqueKeysWithValues: CgroupHost.Controller.allCases.map { ($0, place) }) } ?? [:])
        }
    }

    private func strength(_ decision: LimitDecision, _ layer: Layer) -> LayerReport.Strength? {
        decision.reports.first { $0.layer == layer }?.strength
    }

    private func limit(_ decision: LimitDecision, _ name: String) -> UInt64? {
        decision.resourceLimits.compactMap { operation -> UInt64? in
            if case .resourceLimit(_, name, let soft, let hard) = operation, soft == hard { return soft }
            return nil
        }.first
    }

    @Test("with any kind of cgroup all of memory, processors and processes are enforced", arguments: everywhere)
    func cgroups(_ place: CgroupHost.Place) throws {
        let decision = try decide(Limits(memory: 1 << 30, cpus: 2, processes: 50), place: place)
        #expect(
            strength(decision, .memory) == .enforced && strength(decision, .cpu) == .enforced && strength(decision, .processes) == .enforced
        )
        #expect(limit(decision, "data") == nil && limit(decision, "processes") == nil)
        #expect(!decision.cgroup.isEmpty)
    }

    @Test("without a cgroup memory is weaker, processors missing, and processes still enforced for a user")
    func withoutCgroups() throws {
        let decision = try decide(Limits(memory: 1 << 30, cpus: 2, processes: 50))
        #expect(strength(decision, .memory) == .weaker && limit(decision, "data") == 1 << 30)
        #expect(strength(decision, .cpu) == .missing)
        // One more for the warden.
        #expect(strength(decision, .processes) == .enforced && limit(decision, "processes") == 51)
        #expect(decision.cgroup.isEmpty)
    }

    @Test("the host's root is not bound by RLIMIT_NPROC: missing when asked for, weaker when not")
    func root() throws {
        #expect(strength(try decide(Limits(processes: 50), .simulated(user: 0)), .processes) == .missing)
        #expect(strength(try decide(Limits(), .simulated(user: 0)), .processes) == .weaker)
        #expect(strength(try decide(Limits(), .simulated(user: 0), place: .systemd), .processes) == .enforced)
    }

    @Test("nobody looks for cgroups when no limit needs one")
    func lazy() throws {
        var looked = false
        _ = try LimitDecision(spec: .simulated(), facts: .simulated()) {
            looked = true
            return CgroupHost(places: [:])
        }
        #expect(!looked)
    }

    @Test("a limit never goes above the hard limit that coop itself is under")
    func hardLimits() throws {
        #expect(limit(try decide(Limits(processes: 50000), .simulated(hardProcesses: 300)), "processes") == 300)
        #expect(limit(try decide(Limits(), .simulated(hardCore: 0)), "core") == 0)
        #expect(limit(try decide(Limits()), "core") == 1)
    }

    @Test("disk is enforced only where everything writable is in memory")
    func disk() throws {
        #expect(strength(try decide(Limits(disk: 1 << 20)), .disk) == .missing)
        #expect(strength(try decide(Limits(disk: 1 << 20), mode: .none), .disk) == .missing)
        let inMemory = try decide(Limits(disk: 1 << 20), mode: .none, homeSource: nil)
        #expect(strength(inMemory, .disk) == .enforced && limit(inMemory, "file-size") == 1 << 20)
        #expect(strength(try decide(Limits()), .disk) == .unused)
    }

    @Test("a fork bomb is bounded even when nobody asked")
    func standard() throws {
        #expect(limit(try decide(Limits()), "processes") == LimitDecision.defaultProcesses + 1)
    }

    @Test("a layer that is missing says what would give it, and names --degraded")
    func refusal() throws {
        let reports = try decide(Limits(cpus: 1)).reports
        let error = #expect(throws: (any Error).self) { try LayerReports.refuseMissing(reports, degraded: []) }
        #expect((error as? CoopError)?.next?.contains("--degraded=cpu") == true)
        try LayerReports.refuseMissing(reports, degraded: [.cpu])
    }
}
