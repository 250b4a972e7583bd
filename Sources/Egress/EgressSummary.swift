import GatewayProtocol

/// What became of a sandbox's connections, for the end of its run.
public struct EgressSummary: Sendable {
    /// One destination that was refused.
    public struct Refusal: Sendable, Equatable {
        public var place: String
        public var reason: String
        /// The command that would allow it in the next run; empty where none would.
        public var next: String
        /// The same for the sandbox as it runs.
        public var live: String
        /// Whether whoever asked for it can do without, so that nobody needs to be told.
        public var isOptional = false
        public var count: Int
    }

    /// The stored secret that says who the user is to the upstream proxy: `USER:PASSWORD`.
    public static let proxyCredentials = "UPSTREAM_PROXY"

    /// Different destinations that are kept; the rest are counted.
    private static let limit = 100

    public private(set) var refusals: [Refusal] = []
    /// Refusals of further destinations.
    public private(set) var others = 0
    public private(set) var allowed = 0
    public private(set) var bytesIn: UInt64 = 0
    public private(set) var bytesOut: UInt64 = 0

    mutating func decided(_ judgement: EgressJudge.Judgement, host: String, port: UInt16, isOptional: Bool) {
        guard let denial = judgement.verdict.denial else {
            allowed += 1
            return
        }
        refuse("\(host):\(port)", denial.reason, judgement.lasting ?? denial.next, live: denial.next, isOptional: isOptional)
    }

    mutating func closed(host: String, port: UInt16) {
        refuse("\(host):\(port)", "\(host): it leads to an address that is closed to sandboxes", "")
    }

    /// Does nothing where it was not for the upstream proxy.
    mutating func proxy(_ reason: Unreachable, host: String, port: UInt16) {
        switch reason {
        case .proxyFailed: refuse("\(host):\(port)", "\(host): \(reason.words)", "coop config get network.proxy")
        case .proxyCredentials:
            refuse("\(host):\(port)", "\(host): \(reason.words)", "coop secret add --global \(EgressSummary.proxyCredentials)")
        case .proxyRefused: refuse("\(host):\(port)", "\(host): \(reason.words)", "")
        default: break
        }
    }

    mutating func incident(_ kind: IncidentKind, at host: String, _ detail: String) {
        let place = host.isEmpty ? "" : "\(host): "
        switch kind {
        case .secretLeaving: refuse(host, "\(place)a secret was about to leave (\(detail))", "")
        case .foreignCredential: refuse(host, "\(place)a credential that was not granted (\(detail))", "")
        case .untrustedUpstream: refuse(host, "\(place)its certificate does not verify (\(detail))", "")
        case .upstreamFailed: refuse(host, "\(host): \(detail)", "")
        case .stubLeaving: refuse(host, "\(place)a placeholder was about to leave unused (\(detail))", "")
        case .nameMismatch, .smuggling, .malformed, .limitReached, .refused: break
        }
    }

    mutating func transferred(bytesIn: UInt64, bytesOut: UInt64) {
        self.bytesIn &+= bytesIn
        self.bytesOut &+= bytesOut
    }

    private mutating func refuse(_ place: String, _ reason: String, _ next: String, live: String = "", isOptional: Bool = false) {
        if let index = refusals.firstIndex(where: { $0.place == place && $0.reason == reason }) {
            refusals[index].count += 1
        } else if refusals.count < EgressSummary.limit {
            refusals.append(Refusal(place: place, reason: reason, next: next, live: live, isOptional: isOptional, count: 1))
        } else {
            others += 1
        }
    }
}
