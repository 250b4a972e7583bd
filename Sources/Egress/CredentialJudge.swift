import CoopErrors
import GatewayProtocol
import Policy
import Substitution
import Vault

/// Turns what the grants say about a request into an answer. The policy has allowed the request before.
struct CredentialJudge: Sendable {
    enum Verdict: Sendable {
        /// It may go with these credentials; none on a host without a grant. The names are grants whose stubs are in places where nothing
        /// replaces them, which harms nobody and is worth recording.
        case allow([Injection], misplaced: [String])
        case deny(Denial, IncidentKind?)
    }

    let grants: SessionGrants

    /// Whether a credential goes there: its requests are inspected, each of them.
    func isPinned(_ destination: Policy.Destination, _ port: UInt16) -> Bool { grants.compiled.isPinned("\(destination)", port: Int(port)) }

    /// Whether a verdict can take long, because a credential has to be asked for.
    func mayWait(_ destination: Policy.Destination, _ port: UInt16) -> Bool { grants.compiled.mayWait("\(destination)", port: Int(port)) }

    /// The login for which a request asks new tokens: such a request does not leave, and is answered here.
    func login(_ head: GatewayProtocol.RequestHead, to destination: Policy.Destination, port: UInt16) -> OAuthGrant? {
        grants.login(method: head.method, host: "\(destination)", port: Int(port), path: EgressJudge.withoutQuery(head.path))
    }

    /// What a request may take along that a host has answered with 401; nil when there is nothing but what it had. Can take long.
    ///
    /// - Parameters:
    ///   - grant: whose credential was refused.
    ///   - revision: of its value.
    func renewed(
        _ head: GatewayProtocol.RequestHead, to destination: Policy.Destination, port: UInt16, grant: String, revision: UInt64
    ) -> Result<Verdict?, CoopError> {
        do throws(CoopError) {
            let isRenewed = try grants.compiled.renew(grant, revision: Int(clamping: revision), host: "\(destination)", port: Int(port))
            return .success(isRenewed ? verdict(on: head, to: destination, port: port) : nil)
        } catch {
            return .failure(error)
        }
    }

    /// What a request may take along. Can take long, see `mayWait`.
    func verdict(on head: GatewayProtocol.RequestHead, to destination: Policy.Destination, port: UInt16) -> Verdict {
        let host = "\(destination)"
        let path = EgressJudge.withoutQuery(head.path)
        func deny(_ reason: String, next: String? = nil, _ incident: IncidentKind? = nil) -> Verdict {
            .deny(Denial(rule: "grant", reason: "\(host): \(reason)", next: next ?? ""), incident)
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
