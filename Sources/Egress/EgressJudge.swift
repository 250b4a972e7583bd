import GatewayProtocol
import Policy

/// Turns what the worker asks into a verdict by the policy. Pure: values in, values out.
struct EgressJudge {
    enum Verdict: Equatable {
        case proceed
        case pass
        case inspect
        case raw
        case deny(Denial)
        /// The person at the terminal decides; the rule that asks, nil where none does.
        case ask(NetworkRule?)
        /// As `deny`, to a client that speaks TLS: it is terminated, so that its requests can be answered with the reason.
        case explain(Denial)

        var isQuestion: Bool { if case .ask = self { true } else { false } }

        /// Why it is refused; nil when it is not.
        var denial: Denial? {
            switch self {
            case .deny(let denial), .explain(let denial): denial
            default: nil
            }
        }
    }

    /// A verdict, and what the record says of it.
    struct Judgement {
        var verdict: Verdict
        /// The rule as the user wrote it, or why none was needed.
        var rule: String
        /// The command that would allow it in the next run; nil where the verdict's own says all.
        var lasting: String?

        var action: String {
            switch verdict {
            case .deny, .explain: "deny"
            case .inspect: "inspect"
            case .ask: "ask"
            case .pass, .raw, .proceed: "allow"
            }
        }
    }

    let policy: CompiledNetworkPolicy
    /// Nil where no credential is granted.
    let credentials: CredentialJudge?
    /// The live sandbox, whose rules can be changed; nil when nobody runs.
    var session: String?

    /// The destination that an opening names; nil when that is not a name that could be connected to.
    static func destination(of opening: Opening) -> Policy.Destination? {
        switch opening.destination {
        case .name(let name): (try? HostName(untrusted: name.utf8)).map { .name($0) }
        case .address(let address): .address(IPAddress(v4: address.value))
        }
    }

    /// A query may hold credentials; it is not written down.
    static func withoutQuery(_ path: String) -> String { String(path.prefix { $0 != "?" }) }

    func verdict(on opening: Opening, to destination: Policy.Destination, consent: EgressConsent) -> Verdict {
        judgement(on: opening, to: destination, consent: consent).verdict
    }

    /// The verdict on a connection, by its destination and the first thing it says.
    func judgement(on opening: Opening, to destination: Policy.Destination, consent: EgressConsent = .unasked) -> Judgement {
        var result = decide(opening, destination, consent)
        // A page can be shown only under the name that was asked for.
        if case .deny(let denial) = result.verdict, case .tls(.some, _) = opening.protocol, denial.rule != EgressJudge.serverName {
            result.verdict = .explain(denial)
        }
        return result
    }

    /// The name of what decides over a host that no rule names.
    static let noRule = "no rule"

    /// The name of the rule that TLS must ask for the host that is connected to.
    private static let serverName = "server name"

    /// The verdict on a destination, whatever is said to it.
    func judgement(on destination: Policy.Destination, port: UInt16) -> Judgement {
        let address = destination.address?.v4.map(IPv4Address.init)
        let protocols: [ApplicationProtocol] = [.tls(serverName: destination.name?.text, protocols: []), .other]
        let judgements = protocols.map {
            decide(
                Opening(
                    destination: address.map { .address($0) } ?? .name("\(destination)"), port: port, via: .redirect, protocol: $0),
                destination, .unasked)
        }
        return judgements.first { $0.verdict.denial == nil } ?? judgements[0]
    }

    private func decide(_ opening: Opening, _ destination: Policy.Destination, _ consent: EgressConsent) -> Judgement {
        if opening.via == .hostPort {
            guard policy.policy.hostPorts.contains(opening.port) else {
                return denied(destination, opening.port, rule: "host_ports", "this port of the host is not open to the sandbox")
            }
            return Judgement(verdict: .raw, rule: "host_ports")
        }
        let isPinned = credentials?.isPinned(destination, opening.port) ?? false
        let isSettled: Bool
        let rule: String
        var asking: Decision?
        switch policy.connection(destination, port: opening.port) {
        case .settled(let decision):
            rule = describe(decision)
            switch decision.action {
            // Where a credential goes each request is looked at, whatever the rule: it gets the credential, and no other may be in it.
            case .allow: isSettled = !isPinned
            case .deny, .ask:
                guard leavesOpen(decision) else {
                    return denied(destination, opening.port, rule: rule, reason(decision), isRule: isWritten(decision))
                }
                if case .refused(let why) = consent { return denied(destination, opening.port, rule: rule, why) }
                asking = decision
                isSettled = !isPinned
            }
        case .inspect:
            isSettled = false
            rule = "by request"
        }
        let result = judgement(
            on: opening, destination, rule: rule, isSettled: isSettled, namesPort: asking != nil || namesPort(destination, opening.port))
        // Where requests are looked at, the first of them is asked about, and not the connection.
        guard let asking, consent == .unasked, result.verdict == .pass || result.verdict == .raw else { return result }
        return Judgement(verdict: .ask(asking.rule.map { policy.policy.rules[$0] }), rule: rule)
    }

    /// The verdict on what a connection says, where its destination is allowed.
    private func judgement(
        on opening: Opening, _ destination: Policy.Destination, rule: String, isSettled: Bool, namesPort: Bool
    ) -> Judgement {
        switch opening.protocol {
        case .awaited: return Judgement(verdict: .proceed, rule: rule)
        case .tls(let serverName, _):
            if !isSettled { return Judgement(verdict: .inspect, rule: rule) }
            return passes(serverName, destination)
                ? Judgement(verdict: .pass, rule: rule)
                : denied(
                    destination, opening.port, rule: EgressJudge.serverName,
                    "TLS asks for \(serverName.map { "`\($0)`" } ?? "no name"), and the connection is to `\(destination)`")
        case .http, .http2: return Judgement(verdict: .inspect, rule: rule)
        case .other, .silent:
            guard isSettled, namesPort else {
                return denied(destination, opening.port, rule: rule, "neither TLS nor HTTP, and no rule names port \(opening.port)")
            }
            return Judgement(verdict: .raw, rule: rule)
        }
    }

    /// The verdict on one request of an inspected connection.
    func judgement(
        on head: GatewayProtocol.RequestHead, to destination: Policy.Destination, port: UInt16, consent: EgressConsent = .unasked
    ) -> Judgement {
        let decision = policy.decide(destination, port: port, method: head.method, target: head.path)
        let rule = describe(decision)
        switch decision.action {
        case .allow: return Judgement(verdict: .inspect, rule: rule)
        case .deny, .ask:
            guard leavesOpen(decision) else { return denied(destination, port, rule: rule, reason(decision), isRule: isWritten(decision)) }
            switch consent {
            case .unasked: return Judgement(verdict: .ask(decision.rule.map { policy.policy.rules[$0] }), rule: rule)
            case .given: return Judgement(verdict: .inspect, rule: rule)
            case .refused(let why): return denied(destination, port, rule: rule, why)
            }
        }
    }

    /// Whether a decision is the person's: a rule asks, or no rule says anything and the user wants to be asked.
    private func leavesOpen(_ decision: Decision) -> Bool {
        decision.action == .ask || policy.policy.asks && decision.reason == .noRule
    }

    /// Whether a ClientHello asks for the name that was connected to. A direct address has none to ask for (RFC 6066, section 3).
    private func passes(_ serverName: String?, _ destination: Policy.Destination) -> Bool {
        switch destination {
        case .name(let name): serverName.flatMap { try? HostName(untrusted: $0.utf8) } == name
        case .address: serverName == nil
        }
    }

    /// Whether the rule that allows the destination is about this port alone.
    private func namesPort(_ destination: Policy.Destination, _ port: UInt16) -> Bool {
        guard case .settled(let decision) = policy.connection(destination, port: port), let index = decision.rule,
            policy.policy.rules.indices.contains(index)
        else { return false }
        return policy.policy.rules[index].host.port == port
    }

    /// Whether a rule of the configuration decides; one that was added to the live sandbox can be taken back there.
    private func isWritten(_ decision: Decision) -> Bool {
        guard let index = decision.rule, policy.policy.rules.indices.contains(index) else { return false }
        return !LiveRules.isLive(policy.policy.rules[index])
    }

    private func describe(_ decision: Decision) -> String {
        switch decision.reason {
        case .rule(let index):
            guard policy.policy.rules.indices.contains(index) else { return "rule \(index)" }
            let rule = policy.policy.rules[index]
            return "\(rule) (\(rule.origin))"
        case .noRule: return EgressJudge.noRule
        case .openMode: return "network = open"
        case .closedMode: return "network = none"
        case .port: return "port"
        case .localName: return "local name"
        case .directAddress: return "direct address"
        case .closedAddress(let kind): return "\(kind.rawValue) address"
        case .badName: return "name"
        }
    }

    private func reason(_ decision: Decision) -> String {
        switch decision.reason {
        case .rule: "a rule forbids it"
        case .noRule: "no rule allows it"
        case .openMode: "it is open"
        case .closedMode: "the sandbox has no network"
        case .port: "no rule names this port"
        case .localName: "it is not a name of the public internet"
        case .directAddress: "connections to an address need a rule that writes the address"
        case .closedAddress(let kind): "\(kind.rawValue) addresses are closed"
        case .badName(let problem): "\(problem)"
        }
    }

    /// - Parameter isRule: a rule denies it, and not the lack of one.
    private func denied(
        _ destination: Policy.Destination, _ port: UInt16, rule: String, _ reason: String, isRule: Bool = false
    ) -> Judgement {
        let place = port == 443 || port == 80 ? "\(destination)" : "\(destination):\(port)"
        let lasting: String =
            switch rule {
            case "host_ports": "coop config set network.host_ports \(port)"
            case EgressJudge.serverName, "network = none": ""
            default: rule.hasSuffix("address") && rule != "direct address" ? "" : "coop run --allow \(place) -- COMMAND"
            }
        var next = lasting
        if isRule {
            // A denial wins over whatever allows: only who wrote it can take it back.
            next = "coop policy show"
        } else if let session, lasting.hasPrefix("coop run") {
            next = "coop allow \(place) --session \(session)   # the next time: \(lasting)"
        }
        return Judgement(
            verdict: .deny(Denial(rule: rule, reason: "\(place): \(reason)", next: next)), rule: rule, lasting: isRule ? next : lasting)
    }
}
