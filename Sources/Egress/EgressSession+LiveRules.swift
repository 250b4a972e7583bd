import Audit
import CoopErrors
import Policy

/// What changes while a sandbox runs: the policy, and what a person decides.
extension EgressSession {
    /// The policy that it judges by.
    public var policy: CompiledNetworkPolicy { judge.policy }

    /// Judges by another policy from now on. What that would treat otherwise is cut off: a connection that is no longer allowed, one that is
    /// passed on untouched and would have to be looked at, and one that is only kept to say why it is refused.
    public func replace(policy: CompiledNetworkPolicy) {
        judge = EgressJudge(policy: policy, credentials: credentials, session: session)
        do {
            for (id, connection) in connections where connection.opening.protocol != .awaited {
                let verdict = judge.verdict(on: connection.opening, to: connection.destination, consent: connection.consent)
                if (verdict.denial != nil) != connection.isRefused || verdict == .inspect && !connection.isInspected {
                    try tell(.revoke(id))
                }
            }
        } catch {
            close(because: EgressSession.error(error))
        }
    }

    /// Closes the network for good: what should have been recorded could not be.
    public func stop(because error: CoopError) { close(because: error) }

    /// Waits for the person's answer; whoever asks the same meanwhile waits for the same one.
    func ask(
        _ connection: Connection, _ rule: NetworkRule?, request: (method: String, path: String)?,
        _ body: @escaping (EgressConsent) throws -> Void
    ) throws {
        guard let asker else { return try body(.refused(EgressSession.nobody)) }
        let port = connection.opening.port
        let place = port == 443 || port == 80 ? "\(connection.destination)" : "\(connection.destination):\(port)"
        let key = "\(connection.destination):\(port) \(rule.map { "\($0)" } ?? "")"
        guard asking[key] == nil else {
            asking[key]?.append(body)
            return
        }
        asking[key] = [body]
        let question = EgressQuestion(place: place, host: "\(connection.destination)", port: port, request: request, rule: rule)
        asker(question) { [unowned self] consent, answer in
            let waiting = self.asking.removeValue(forKey: key) ?? []
            guard self.failure == nil, !waiting.isEmpty else { return }
            do {
                var details = [
                    AuditDetail("action", "ask"), AuditDetail("host", question.host), AuditDetail("port", port),
                    AuditDetail("answer", answer),
                ]
                if let request { details += [AuditDetail("method", request.method), AuditDetail("path", request.path)] }
                try self.write(details)
                for body in waiting { try body(consent) }
            } catch {
                self.close(because: EgressSession.error(error))
            }
        }
    }

    /// Why what a rule asks about is refused without a question.
    private static let nobody = "nobody is at a terminal to be asked"
}
