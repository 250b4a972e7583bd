import Audit
import CoopErrors
import GatewayProtocol
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
        _ id: ConnectionID, _ stream: StreamID?, _ connection: Connection, _ rule: NetworkRule?, request: (method: String, path: String)?,
        _ body: @escaping (EgressConsent) throws -> Void
    ) throws {
        guard let asker else { return try body(.refused(EgressSession.nobody)) }
        let port = connection.opening.port
        let place = port == 443 || port == 80 ? "\(connection.destination)" : "\(connection.destination):\(port)"
        let key = "\(connection.destination):\(port) \(rule.map { "\($0)" } ?? "")"
        guard asking[key] == nil else {
            asking[key]?.waiting.append((id, stream, body))
            return
        }
        let question = EgressQuestion(place: place, host: "\(connection.destination)", port: port, request: request, rule: rule)
        asking[key] = Asked(question: question, waiting: [(id, stream, body)])
        let withdraw = asker(question) { [unowned self] consent, answer in
            guard let asked = self.asking.removeValue(forKey: key), self.failure == nil else { return }
            do {
                try self.write(EgressSession.details(of: question, answer: answer))
                for (_, _, body) in asked.waiting { try body(consent) }
            } catch {
                self.close(because: EgressSession.error(error))
            }
        }
        asking[key]?.withdraw = withdraw
    }

    /// The client of a connection has gone, or has reset one of its streams: what only it was waiting for need not be answered any more.
    ///
    /// - Parameter stream: nil for all of them.
    func withdrawQuestions(of id: ConnectionID, _ stream: StreamID? = nil) throws {
        func hasGone(_ waiting: (connection: ConnectionID, stream: StreamID?, body: (EgressConsent) throws -> Void)) -> Bool {
            waiting.connection == id && (stream == nil || waiting.stream == stream)
        }
        for key in asking.filter({ $0.value.waiting.contains(where: hasGone) }).keys {
            asking[key]?.waiting.removeAll(where: hasGone)
            guard let asked = asking[key], asked.waiting.isEmpty else { continue }
            asking[key] = nil
            asked.withdraw()
            try write(EgressSession.details(of: asked.question, answer: "withdrawn"))
        }
    }

    private static func details(of question: EgressQuestion, answer: String) -> [AuditDetail] {
        var details = [
            AuditDetail("action", "ask"), AuditDetail("host", question.host), AuditDetail("port", question.port),
            AuditDetail("answer", answer),
        ]
        if let request = question.request { details += [AuditDetail("method", request.method), AuditDetail("path", request.path)] }
        return details
    }

    /// Why what a rule asks about is refused without a question.
    private static let nobody = "nobody is at a terminal to be asked"
}
