import Audit
import CoopErrors
import GatewayProtocol
import Substitution
import Vault

/// Requests of inspected connections: judged by the policy, then by the grants.
extension EgressSession {
    /// The policy first; then the grants.
    func request(
        _ id: ConnectionID, _ stream: StreamID, _ head: GatewayProtocol.RequestHead, _ connection: Connection,
        consent: EgressConsent = .unasked
    ) throws {
        let port = connection.opening.port
        let destination = connection.destination
        let judgement = judge.judgement(on: head, to: destination, port: port, consent: consent)
        if case .ask(let rule) = judgement.verdict {
            return try ask(id, stream, connection, rule, request: (head.method, EgressJudge.withoutQuery(head.path))) {
                [unowned self] consent in
                guard self.connections[id] != nil else { return }
                try self.request(id, stream, head, connection, consent: consent)
            }
        }
        guard judgement.verdict.denial == nil, let credentials else {
            return try conclude(id, stream, head, connection, judgement, .allow([], misplaced: []))
        }
        if let login = credentials.login(head, to: destination, port: port) {
            let key = RequestID(connection: id, stream: stream)
            guard collecting[key] == nil else { throw WireError("a request is made twice") }
            collecting[key] = login
            return try record(judgement, connection, request: head, action: "refresh", grants: [login.name]) { [unowned self] in
                try self.tell(.collect(id, stream))
            }
        }
        guard credentials.mayWait(destination, port) else {
            return try conclude(
                id, stream, head, connection, judgement, credentials.verdict(on: head, to: destination, port: port))
        }
        try inBackground({ credentials.verdict(on: head, to: destination, port: port) }) { [unowned self] verdict in
            // The rules may be others by now.
            guard self.connections[id] != nil else { return }
            let judgement = self.judge.judgement(on: head, to: destination, port: port, consent: consent)
            if case .ask = judgement.verdict { return try self.request(id, stream, head, connection) }
            try self.conclude(id, stream, head, connection, judgement, verdict)
        }
    }

    /// A host has refused a credential that was not at its end. The request is sent once more if there is another value, and judged anew;
    /// otherwise the program gets the host's own answer.
    func renew(
        _ id: ConnectionID, _ stream: StreamID, _ head: GatewayProtocol.RequestHead, _ connection: Connection, grant: String,
        revision: UInt64
    ) throws {
        let port = connection.opening.port
        let destination = connection.destination
        let stands = SupervisorMessage.denyRequest(id, stream, Denial(rule: "grant", reason: "there is no other credential", next: ""))
        guard let credentials else { return try tell(stands) }
        try inBackground({ credentials.renewed(head, to: destination, port: port, grant: grant, revision: revision) }) {
            [unowned self] result in
            guard self.connections[id] != nil else { return }
            if case .failure(let error) = result {
                try self.write([
                    AuditDetail("action", "refresh-failed"), AuditDetail("host", "\(destination)"), AuditDetail("grants", grant),
                    AuditDetail("reason", error.message),
                ])
            }
            let judgement = self.judge.judgement(on: head, to: destination, port: port)
            guard case .inspect = judgement.verdict, case .success(.allow(let injections, let misplaced)?) = result else {
                return try self.tell(stands)
            }
            try self.conclude(id, stream, head, connection, judgement, .allow(injections, misplaced: misplaced))
        }
    }

    /// Answers a request for new tokens.
    func answer(_ id: ConnectionID, _ stream: StreamID, _ login: OAuthGrant, _ body: [UInt8], _ connection: Connection) throws {
        try inBackground({ login.answer(body) }) { [unowned self] reply in
            if reply.isForeign {
                try self.incident(.foreignCredential, at: "\(connection.destination)", "a refresh token that is not this sandbox's")
            }
            if let reason = reply.failure {
                try self.write([
                    AuditDetail("action", "refresh-failed"), AuditDetail("host", "\(connection.destination)"),
                    AuditDetail("grants", login.name), AuditDetail("reason", reason),
                ])
            }
            try self.tell(
                .respond(
                    id, stream,
                    WholeResponse(
                        status: UInt16(clamping: reply.http.status), fields: reply.http.fields.map { HeaderText($0.key, $0.value) },
                        body: reply.http.body)))
        }
    }

    /// Does what can take long beside the loop. What is new in the credentials after it, the worker learns before anything else.
    private func inBackground<Result: Sendable>(
        _ body: @escaping @Sendable () -> Result, then completion: @escaping (Result) throws -> Void
    ) throws {
        let grants = credentials?.grants.compiled
        let known = watched
        let makeWatch = self.makeWatch
        try background.run(
            {
                let result = body()
                let revision = grants?.revision ?? 0
                guard revision != known else { return (result, revision, Swift.Result<SecretWatch?, CoopError>.success(nil)) }
                do throws(CoopError) { return (result, revision, .success(try makeWatch())) } catch {
                    return (result, revision, .failure(error))
                }
            },
            failed: { [unowned self] in self.close(because: EgressSession.error($0)) }
        ) { [unowned self] (result: Result, revision: Int, watch: Swift.Result<SecretWatch?, CoopError>) in
            if let watch = try watch.get(), revision > self.watched {
                self.watched = revision
                self.redaction = SecretRedaction(watch)
                try self.whenRenewed()
                try self.tell(.watch(watch))
            }
            try completion(result)
        }
    }

    private func conclude(
        _ id: ConnectionID, _ stream: StreamID, _ head: GatewayProtocol.RequestHead, _ connection: Connection,
        _ judged: EgressJudge.Judgement, _ verdict: CredentialJudge.Verdict
    ) throws {
        var judgement = judged
        var injections: [Injection] = []
        switch verdict {
        case .allow(let found, let misplaced):
            injections = found
            if !misplaced.isEmpty {
                try incident(.stubLeaving, at: "\(connection.destination)", misplaced.joined(separator: ", "))
            }
        case .deny(let denial, let kind):
            if judgement.verdict.denial == nil { judgement = EgressJudge.Judgement(verdict: .deny(denial), rule: denial.rule) }
            if let kind { try incident(kind, at: "\(connection.destination)", denial.reason) }
        }
        var grants: [String] = []
        if judgement.verdict.denial == nil {
            for injection in injections where !grants.contains(injection.grant) { grants.append(injection.grant) }
        }
        try record(judgement, connection, request: head, grants: grants) { [unowned self] in
            if let denial = judgement.verdict.denial {
                try self.tell(.denyRequest(id, stream, denial))
            } else {
                try self.tell(.allowRequest(id, stream, injections))
            }
        }
    }
}
