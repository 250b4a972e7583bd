import Audit
import CoopErrors
import Egress
import LinuxKernel
import Policy
import Projects
import Sandbox
import WardenProtocol

/// The rules of one live sandbox, and the one place where they change while it runs.
final class LivePolicy {
    /// The most rules that one entry of the audit log names.
    private static let recordLimit = 100

    private let spec: SandboxSpec
    private let home: CoopHome
    /// Nil without a gateway.
    private let egress: EgressSession?
    /// What the configuration says.
    private var base: NetworkPolicy
    /// What was said since the start.
    private var live = LiveRules()

    init(spec: SandboxSpec, home: CoopHome, egress: EgressSession?) {
        self.spec = spec
        self.home = home
        self.egress = egress
        base = spec.network.policy
    }

    /// Answers a client.
    func answer(_ request: ControlRequest) -> ControlReply {
        do {
            var state = self.state
            if case .change(let change) = request {
                let rules = try self.rules(change)
                try add(rules)
                state = self.state
                state.effects = rules.map(effect)
            }
            return .report(try JSONText.encode(state, pretty: false))
        } catch let error as CoopError {
            return .refused(code: error.code.rawValue, what: error.what, why: error.why, next: error.next ?? "")
        } catch {
            return .refused(code: CoopError.Code.failed.rawValue, what: "cannot answer", why: "\(error)", next: "coop doctor")
        }
    }

    /// Puts rules in front of all others, at once and together or not at all. The record comes first: there is no change without one.
    func add(_ rules: [NetworkRule]) throws(CoopError) {
        var next = live
        next.add(rules)
        let policy = try compiled(next.applied(to: base))
        for action in NetworkRule.Action.allCases {
            let hosts = rules.filter { $0.action == action }.map(\.description)
            if !hosts.isEmpty { try record(action.rawValue, [AuditDetail("rules", .list(hosts))]) }
        }
        live = next
        egress?.replace(policy: policy)
    }

    /// Does what the person has said about a destination.
    ///
    /// - Returns: what it means for what waits, and the answer in a word for the record.
    func settle(_ question: EgressQuestion, by consent: Consent) -> (EgressConsent, String) {
        switch consent {
        case .no: return (.refused("you said no"), "no")
        case .absent: return (.refused("nobody at a terminal has answered"), "none")
        case .once: return (.given, "once")
        case .session, .always:
            do {
                try add([try question.allowingRule()])
                guard consent == .always, question.canBeKept else { return (.given, "session") }
                try SavedRules(home: home).add([question.place], to: .allow)
                return (.given, "always")
            } catch {
                Notice.say("coop: \("\(error)".printable)\n")
                // What could not be kept, or recorded, is as if it had been said for this once: the decision has a record of its own.
                return (.given, "once")
            }
        }
    }

    /// Takes another configuration as the ground on which the rules of this session stand.
    ///
    /// - Throws: when it cannot be used; the old one stays then. What cannot be recorded closes the network.
    func replace(base next: NetworkPolicy) throws(CoopError) {
        guard next != base else { return }
        let policy = try compiled(live.applied(to: next))
        let (old, new) = (Set(base.rules.map(\.description)), Set(next.rules.map(\.description)))
        do {
            try record(
                "reloaded",
                [
                    AuditDetail("mode", next.mode.rawValue),
                    AuditDetail("added", .list(Array(new.subtracting(old).sorted().prefix(LivePolicy.recordLimit)))),
                    AuditDetail("removed", .list(Array(old.subtracting(new).sorted().prefix(LivePolicy.recordLimit)))),
                ])
        } catch {
            egress?.stop(because: error)
            throw error
        }
        base = next
        egress?.replace(policy: policy)
    }

    private func rules(_ change: NetworkChange) throws(CoopError) -> [NetworkRule] {
        guard let egress else {
            throw CoopError(
                .notReady, "cannot change the network of \(spec.id)", "it was started with `--network none` and has no gateway",
                next: "coop run --network scoped --allow HOST -- COMMAND")
        }
        if let failure = egress.failure { throw failure }
        var result: [NetworkRule] = []
        for host in change.hosts { result.append(try LiveRules.rule(change.action == .allow ? .allow : .deny, host)) }
        return result
    }

    private func compiled(_ policy: NetworkPolicy) throws(CoopError) -> CompiledNetworkPolicy {
        // Interfaces come and go while a sandbox lives.
        try CompiledNetworkPolicy(policy, addressGuard: AddressGuard(own: HostAddresses.own()))
    }

    private func record(_ change: String, _ details: [AuditDetail]) throws(CoopError) {
        let directory = home.directory(.audit)
        try home.prepare(directory)
        try AuditLog(directory: directory).append(
            AuditEntry(.policy, session: spec.id, details: [AuditDetail("change", change)] + details), durable: true)
    }

    private var state: NetworkState {
        var state = NetworkState(
            session: spec.id, name: spec.name, workspace: spec.workspace.path, gateway: egress != nil, policy: live.applied(to: base))
        guard let egress else { return state }
        let summary = egress.summary
        state.allowed = summary.allowed
        state.refusals = summary.refusals.map { .init(place: $0.place, reason: $0.reason, next: $0.live, count: $0.count) }
        (state.bytesIn, state.bytesOut) = (summary.bytesIn, summary.bytesOut)
        state.failure = egress.failure?.message
        return state
    }

    private func effect(of rule: NetworkRule) -> NetworkState.Effect {
        var effect = NetworkState.Effect(host: "\(rule.host)", action: rule.action.rawValue)
        guard rule.action == .allow, let egress else { return effect }
        let host: Policy.Destination
        switch rule.host.hosts {
        case .name(let name): host = .name(name)
        case .address(let address): host = .address(address)
        // What is below a name can be judged only host by host.
        case .below: return effect
        }
        let decision = egress.policy.decide(host, port: rule.host.port ?? 443)
        if decision.action == .deny {
            let rules = egress.policy.policy.rules
            effect.refusedBy =
                decision.rule.flatMap { rules.indices.contains($0) ? "\(rules[$0]) (\(rules[$0].origin))" : nil }
                ?? "network = \(egress.policy.policy.mode.rawValue)"
        }
        return effect
    }
}
