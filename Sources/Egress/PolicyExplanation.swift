import CoopErrors
import GatewayProtocol
import Policy

/// What a policy says about one destination or request, for people: the same judgement that a sandbox gets.
public struct PolicyExplanation: Sendable {
    /// `allow`, `deny`, or `inspect` where it depends on the request.
    public let action: String
    /// The rule that decides.
    public let rule: String
    /// Why it is refused, and the command that would allow it; empty where it is not.
    public let reason: String
    public let next: String

    /// - Parameters:
    ///   - host: a name or address, as a program inside would use it.
    ///   - request: method and path, where one request is meant and not the whole host.
    /// - Throws: `usage` when that is no host.
    public init(
        host: String, port: UInt16, request: (method: String, path: String)? = nil, policy: CompiledNetworkPolicy
    ) throws(CoopError) {
        let destination: Policy.Destination
        do { destination = try Policy.Destination(untrusted: host.utf8) } catch {
            throw CoopError(.usage, "`\(host.printable)` is not a host", "\(error)", next: "coop policy test https://HOST/PATH")
        }
        let judge = EgressJudge(policy: policy, credentials: nil)
        let judgement: EgressJudge.Judgement
        if let request {
            let head = RequestHead(method: request.method, scheme: "https", authority: host, path: request.path)
            judgement = judge.judgement(on: head, to: destination, port: port)
        } else {
            judgement = judge.judgement(on: destination, port: port)
        }
        let denial = judgement.verdict.denial
        action = denial == nil && request != nil && !judgement.verdict.isQuestion ? "allow" : judgement.action
        rule = judgement.rule
        reason = denial?.reason ?? (judgement.verdict.isQuestion ? "\(host): the person at the terminal is asked (\(judgement.rule))" : "")
        next = denial?.next ?? ""
    }
}
