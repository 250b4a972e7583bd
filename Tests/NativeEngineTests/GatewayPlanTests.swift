import CoopErrors
import Sandbox
import Testing
import WardenProtocol

@testable import NativeEngine

@Suite struct GatewayPlanTests {
    private func spec(_ network: Network) -> SandboxSpec {
        var spec = SandboxSpec.simulated()
        spec.network = network
        return spec
    }

    private func lines(_ plan: LaunchPlan) -> [String] {
        plan.operations.map { $0.summary.isEmpty ? $0.name : "\($0.name) \($0.summary)" }
    }

    @Test("a gateway adds exactly these operations, and changes how names are resolved", arguments: [Network.Mode.scoped, .open])
    func additions(_ mode: Network.Mode) throws {
        let without = lines(try simulatedPlan(spec(Network())))
        let with = lines(try simulatedPlan(spec(Network(mode: mode, hostPorts: [5432, 80]))))
        let added = """
            gateway-route 198.18.0.1 on lo, default route by lo
            listen redirect tcp 127.0.0.1:1021
            listen reserved tcp [::]:1021
            listen dns udp 127.0.0.1:1022
            listen proxy tcp 127.0.0.1:3128
            listen proxy tcp [::1]:3128
            listen host-port tcp 127.0.0.1:80
            listen host-port tcp [::1]:80
            listen host-port tcp 127.0.0.1:5432
            listen host-port tcp [::1]:5432
            gateway-rules tcp to port 1021, dns to port 1022, all else refused but 127.0.0.0/8, ::1 and 198.18.0.1
            """.split(separator: "\n").map(String.init)
        let settings = ["file /etc/resolv.conf 644, 59 bytes", "kernel-setting /proc/sys/net/ipv4/tcp_congestion_control = reno"]
        #expect(with.filter { !without.contains($0) } == settings + added)
        #expect(without.filter { !with.contains($0) } == ["file /etc/resolv.conf 644, 41 bytes"])
        // In one piece, after the root is complete and before the privileges go.
        let start = try #require(with.firstIndex(of: added[0]))
        #expect(Array(with[start..<start + added.count]) == added)
        #expect(try #require(with.firstIndex(of: "enter-root")) > start)
    }

    @Test("a plan with a gateway begins as every plan does, so a warden that was started early serves it")
    func beginning() throws {
        for facts in [HostFacts.simulated(), .simulated(subordinate: true), .simulated(user: 0)] {
            var spec = SandboxSpec.simulated(user: facts.user)
            spec.network = Network(mode: .scoped)
            let plan = try simulatedPlan(spec, facts)
            #expect(plan.begins(with: LaunchPlanner.beginning(facts: facts)))
            #expect(LaunchPlanner.beginning(facts: facts).listeners.isEmpty && plan.listeners.count == 5)
        }
    }

    @Test("what follows the beginning is the same before workspace, trust and files of the home are known, and differs where it must")
    func continuation() throws {
        let facts = HostFacts.simulated()
        var spec = self.spec(Network(mode: .scoped))
        func begun(_ spec: SandboxSpec) -> LaunchPlan {
            var plan = LaunchPlanner.beginning(facts: facts)
            plan.operations += LaunchPlanner.continuation(of: spec, facts: facts).operations
            return plan
        }
        let early = begun(spec)
        #expect(early.listeners.count == 5)
        spec.mounts.append(Mount(source: "/x", target: "/y", readOnly: true, isDirectory: true, reason: "git"))
        let parts: [FilePart] = [.bytes([1]), .range(source: "/etc/pem", offset: 0, count: 7)]
        spec.covers.append(Cover(path: "/etc/pem", parts: parts, reason: "trust"))
        spec.covers.append(Cover(path: "/run/coop/trust/pem", parts: parts, reason: "trust"))
        let files = LaunchPlanner.files(of: spec, facts: facts).operations
        #expect(files == [.compose(path: "/run/coop/trust/pem", parts: parts)])
        spec.protected.append(Protection(path: spec.workspace.path + "/.vscode", form: .readOnly, reason: "asked for"))
        spec.home.files.append(HomeFile(path: spec.home.path + "/.x", contents: "{}", reason: "agent"))
        let plan = try simulatedPlan(spec, facts)
        #expect(plan.begins(with: early) && plan.operations.dropFirst(early.operations.count).starts(with: files))
        #expect(plan.operations.contains(.cover(path: "/etc/pem", files: [CoverFile(name: "pem", parts: parts)], isDirectory: false)))
        // Another network, home or name than the warden was told of: it is of no use, and another one is started.
        for change in 0..<3 {
            var other = spec
            switch change {
            case 0: other.network = Network()
            case 1: other.home.source = "/elsewhere"
            default: other.hostname = "other"
            }
            #expect(try !simulatedPlan(other, facts).begins(with: early), "\(change)")
        }
    }

    @Test("a kernel without netfilter lacks the layer, which stops the run and cannot be waived")
    func missing() throws {
        var facts = HostFacts.simulated()
        facts.netfilter = false
        func reports(_ network: Network) throws -> [LayerReport] {
            let spec = spec(network)
            let limits = try LimitDecision(spec: spec, facts: facts) { CgroupHost(places: [:]) }
            return LayerReports.make(spec: spec, facts: facts, limits: limits)
        }
        #expect(try reports(Network()).first { $0.layer == .network }?.strength == .unused)
        let report = try #require(try reports(Network(mode: .scoped)).first { $0.layer == .network })
        #expect(report.strength == .missing && report.next?.contains("--network none") == true)
        #expect(!Layer.network.isOptional)
        let error = #expect(throws: CoopError.self) { try LayerReports.refuseMissing([report], degraded: []) }
        #expect(error?.code == .refused && error?.what == "layer network cannot be enforced")
    }
}
