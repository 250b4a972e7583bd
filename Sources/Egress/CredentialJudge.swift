import CoopErrors
import GatewayProtocol
import Policy
import Substitution
import Vault

/// Turns what the grants say about a request into an answer. The policy has allowed the request before.
struct CredentialJudge {
    enum Verdict {
        /// It may go with these credentials; none on a host without a grant. The names are grants whose stubs are in places where nothing
        /// replaces them, which harms nobody and is worth recording.
        case allow([Injection], misplaced: [String])
        case deny(Denial, IncidentKind?)
    }

    let grants: SessionGrants

    /// Whether a credential goes there: its requests are inspected, each of them.
    func isPinned(_ destination: Policy.Destination, _ port: UInt16) -> Bool { grants.compiled.isPinned("\(destination)", port: Int(port)) }

    func verdict(on head: GatewayProtocol.RequestHead, to destination: Policy.Destination, port: UInt16) -> Verdict {
        let host = "\(destination)"
        let path = EgressJudge.withoutQuery(head.path)
        func deny(_ reason: String, next: String? = nil, _ incident: IncidentKind? = nil) -> Verdict {
            .deny(Denial(rule: "grant", reason: "\(host): \(reason)", next: next ?? ""), incident)
        }
        if grants.login(method: head.method, host: host, port: Int(port), path: path) != nil {
            return deny("this login is refreshed on the host, which this version cannot do for a sandbox")
        }
        switch grants.compiled.decide(host: host, port: Int(port), path: path, sightings: head.sightings) {
        case .none(let misplaced): return .allow([], misplaced: misplaced)
        case .inject(let injections, let misplaced):
            // On the right port, but in clear text: anybody on the way could read the credential.
            if !injections.isEmpty, head.scheme != "https" { return deny("a credential is not sent without TLS") }
            return .allow(injections, misplaced: misplaced)
        case .foreign(let place):
            return deny("the \(place) holds a credential that is not the one granted for this host", .foreignCredential)
        case .unavailable(let error): return deny(error.message, next: error.next)
        }
    }
}
