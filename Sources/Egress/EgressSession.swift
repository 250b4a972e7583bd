import Audit
import CoopErrors
import GatewayProtocol
import LinuxKernel
import Policy
import Sandbox
import Substitution
import Vault

/// The supervisor's side of one sandbox's way out: it judges what the confined worker asks, records every decision, and connects.
///
/// The worker is started when the first connection or query waits, so that a command which never uses the network pays nothing for
/// it. When it dies nothing leaves any more: the sockets inside lead nowhere then.
public final class EgressSession {
    /// A connection of the sandbox that the worker has told of.
    struct Connection {
        var opening: Opening
        var destination: Policy.Destination
        /// Whether the worker may ask for connections and requests.
        var isInspected = false
        /// What the person at the terminal has said about it.
        var consent: EgressConsent = .unasked
        /// Whether it is only still there for its last word.
        var isRefused = false
        /// What all its requests are answered with, when it is terminated only to say so.
        var denial: Denial?
    }

    struct RequestID: Hashable {
        var connection: ConnectionID
        var stream: StreamID
    }

    /// What the user sees of it at the end.
    public private(set) var summary = EgressSummary()
    /// Asks the person at the terminal and answers once, in words for the record, unless what it returns is called, which takes the question
    /// back. Nobody is there as long as it is nil.
    public var asker: ((EgressQuestion, @escaping (_ consent: EgressConsent, _ answer: String) -> Void) -> () -> Void)?
    /// Called before the worker's questions are judged.
    public var whenAsked: (() -> Void)?
    /// Hosts that are tried unbidden: that no rule allows one is no news.
    public var optional: [HostPattern] = []
    /// Why the sandbox's network was closed before its end.
    public private(set) var failure: CoopError?

    private let program: String
    private let arguments: [String]
    let session: String
    private let loop: EventLoop
    private let dialer: UpstreamDialer
    private let resolver: NameResolver
    var redaction: SecretRedaction?
    private let makeConfiguration: () throws -> WorkerConfiguration
    private let openAudit: () throws -> AuditWriter
    let credentials: CredentialJudge?
    var judge: EgressJudge
    private var audit: AuditWriter?
    /// Gets every decision as it is recorded, without secrets.
    public var whenDecided: ([AuditDetail]) throws -> Void = { _ in }
    /// Called when a credential has another value than before.
    public var whenRenewed: () throws -> Void = {}
    private var listeners: [GatewayListener] = []
    /// Sockets that only keep a port inside from being taken.
    private var reserved: [GatewayListener] = []
    private var worker: GatewayProcess?
    var connections: [ConnectionID: Connection] = [:]
    /// Requests whose bodies are read to be answered here, with the logins that they ask about.
    var collecting: [RequestID: OAuthGrant] = [:]
    let background: BackgroundWork
    let makeWatch: @Sendable () throws(CoopError) -> SecretWatch
    /// The revision of the credentials that the worker looks for.
    var watched = 0
    /// What is done once the record of it is written, by the number of the record.
    private var waiting: [(ticket: UInt64, body: () throws -> Void)] = []

    /// A question to the person, and who waits for its answer.
    struct Asked {
        var question: EgressQuestion
        /// The stream is nil for a connection that waits as a whole.
        var waiting: [(connection: ConnectionID, stream: StreamID?, body: (EgressConsent) throws -> Void)]
        var withdraw: () -> Void = {}
    }

    /// By destination and rule.
    var asking: [String: Asked] = [:]

    /// More than a worker that keeps to its limits can have.
    private static let connectionLimit = 2 * Int(WorkerLimits().connections)

    /// - Parameters:
    ///   - program: the path of `coop-gateway`.
    ///   - arguments: of the program.
    ///   - grants: the credentials that its requests may use.
    ///   - proxy: what stands between the gateway and the internet.
    ///   - session: the sandbox's id, for the record.
    ///   - configuration: what the worker must know, asked for when it is needed.
    ///   - watch: what it looks for, asked for again when credentials have changed.
    ///   - audit: opens the audit log, when there is something to record for the first time.
    public init(
        program: String, arguments: [String] = [], policy: CompiledNetworkPolicy, grants: SessionGrants? = nil, proxy: UpstreamProxy? = nil,
        session: String,
        loop: EventLoop,
        configuration: @escaping () throws -> WorkerConfiguration, watch: @escaping @Sendable () throws(CoopError) -> SecretWatch,
        audit: @escaping () throws -> AuditWriter
    ) {
        self.program = program
        self.arguments = arguments
        self.session = session
        self.loop = loop
        credentials = grants.map(CredentialJudge.init)
        judge = EgressJudge(policy: policy, credentials: credentials, session: session)
        resolver = NameResolver(loop: loop)
        dialer = UpstreamDialer(loop: loop, resolver: resolver, proxy: proxy)
        background = BackgroundWork(loop: loop)
        makeWatch = watch
        makeConfiguration = configuration
        openAudit = audit
    }

    /// Takes the sockets on which the sandbox's traffic arrives.
    public func listen(_ listeners: [GatewayListener]) {
        self.listeners = listeners.filter { $0.socket.purpose != .reserved }
        reserved = listeners.filter { $0.socket.purpose == .reserved }
        for listener in self.listeners {
            loop.watch(listener.descriptor.number) { [unowned self] _ in self.start() }
        }
    }

    /// Ends the worker and everything that goes through it.
    public func end() {
        stopListening()
        reserved = []
        resolver.stop()
        background.stop()
        collecting = [:]
        if let worker {
            loop.unwatch(worker.channel.socket.number)
            worker.end()
        }
        worker = nil
        connections = [:]
        waiting = []
        asking = [:]
        if let audit {
            loop.unwatch(audit.descriptor)
            do { try audit.close() } catch { failure = failure ?? error }
        }
        audit = nil
    }

    // MARK: - The worker

    private func start() {
        do {
            let audit = try openAudit()
            self.audit = audit
            loop.watch(audit.descriptor) { [unowned self] _ in self.settle() }
            let worker = try GatewayProcess(program: program, arguments: arguments)
            self.worker = worker
            loop.watch(worker.channel.socket.number) { [unowned self] _ in self.read() }
            watched = credentials?.grants.compiled.revision ?? 0
            let configuration = try makeConfiguration()
            redaction = SecretRedaction(configuration.watch)
            try worker.channel.send(.configure(configuration))
            for listener in listeners {
                guard let kind = EgressSession.kind(of: listener) else { continue }
                try worker.channel.send(.listener(kind), descriptors: [listener.descriptor])
            }
            // From here on the worker alone holds them: with it they go.
            stopListening()
        } catch {
            close(because: EgressSession.error(error))
        }
    }

    private static func kind(of listener: GatewayListener) -> ListenerKind? {
        switch listener.socket.purpose {
        case .redirect: .redirect
        case .proxy: .proxy
        case .dns: .dns
        case .hostPort: .hostPort(listener.socket.port)
        case .reserved: nil
        }
    }

    private func stopListening() {
        for listener in listeners { loop.unwatch(listener.descriptor.number) }
        listeners = []
    }

    func tell(_ message: SupervisorMessage, _ descriptors: [Descriptor] = []) throws {
        try worker?.channel.sendIfOpen(message, descriptors: descriptors)
    }

    private func read() {
        guard let worker else { return }
        do {
            guard let messages = try worker.channel.receive() else {
                throw CoopError(
                    .failed, "the gateway has ended", "its process is gone; nothing leaves the sandbox any more", next: "coop doctor")
            }
            if !messages.isEmpty { whenAsked?() }
            for (message, _) in messages { try handle(message) }
        } catch {
            close(because: EgressSession.error(error))
        }
    }

    static func error(_ error: any Error) -> CoopError {
        if let error = error as? CoopError { return error }
        return CoopError(.failed, "the gateway does not keep to the protocol", "\(error)", next: "coop doctor")
    }

    /// Nothing leaves any more; the command itself goes on.
    func close(because error: CoopError) {
        failure = failure ?? error
        end()
    }

    // MARK: - What it asks

    private func handle(_ message: WorkerMessage) throws {
        switch message {
        case .ready: break
        case .open(let id, let opening): try open(id, opening)
        case .dial(let id, let attempt):
            guard let connection = connections[id], connection.isInspected, connection.denial == nil else {
                throw WireError("a connection that may not dial")
            }
            try dial(id, attempt, connection)
        case .request(let id, let stream, let head):
            guard let connection = connections[id], connection.isInspected else { throw WireError("a connection that is not inspected") }
            if let denial = connection.denial { return try tell(.denyRequest(id, stream, denial)) }
            try request(id, stream, head, connection)
        case .body(let id, let stream, let bytes):
            guard let login = collecting.removeValue(forKey: RequestID(connection: id, stream: stream)), let connection = connections[id]
            else { throw WireError("a body that nobody has asked for") }
            try answer(id, stream, login, bytes, connection)
        case .rejected(let id, let stream, let head, let grant, let revision):
            guard let connection = connections[id], connection.isInspected, connection.denial == nil else {
                throw WireError("a connection that may send nothing")
            }
            try renew(id, stream, head, connection, grant: grant, revision: revision)
        case .abandoned(let id, let stream): try withdrawQuestions(of: id, stream)
        case .fetched, .notFetched: throw WireError("an answer that nobody has asked for")
        case .closed(let id, let bytesIn, let bytesOut):
            collecting = collecting.filter { $0.key.connection != id }
            guard connections.removeValue(forKey: id) != nil else { break }
            try withdrawQuestions(of: id)
            summary.transferred(bytesIn: bytesIn, bytesOut: bytesOut)
        case .incident(let id, let kind, let detail): try incident(kind, at: connections[id].map { "\($0.destination)" } ?? "", detail)
        }
    }

    func incident(_ kind: IncidentKind, at host: String, _ detail: String) throws {
        summary.incident(kind, at: host, detail)
        try write([
            AuditDetail("action", "incident"), AuditDetail("incident", "\(kind)"), AuditDetail("detail", detail), AuditDetail("host", host),
        ])
    }

    private func open(_ id: ConnectionID, _ opening: Opening) throws {
        // A client of a proxy is asked about twice: before it speaks, and when it has.
        guard connections[id] == nil || connections[id]?.opening.protocol == .awaited else {
            throw WireError("a connection is opened twice")
        }
        guard connections.count < EgressSession.connectionLimit else { throw WireError("too many connections") }
        guard let destination = EgressJudge.destination(of: opening) else { throw WireError("a destination that is no name") }
        try open(id, Connection(opening: opening, destination: destination))
    }

    private func open(_ id: ConnectionID, _ found: Connection) throws {
        var connection = found
        let judgement = judge.judgement(on: connection.opening, to: connection.destination, consent: connection.consent)
        if case .ask(let rule) = judgement.verdict {
            connections[id] = connection
            return try ask(id, nil, connection, rule, request: nil) { [unowned self] consent in
                guard self.connections[id] != nil else { return }
                connection.consent = consent
                try self.open(id, connection)
            }
        }
        if case .explain(let denial) = judgement.verdict { connection.denial = denial }
        connection.isInspected = judgement.verdict == .inspect || connection.denial != nil
        connection.isRefused = judgement.verdict.denial != nil
        connections[id] = connection
        if judgement.verdict == .proceed { return try tell(.proceed(id)) }
        try record(judgement, connection) { [unowned self] in
            guard self.connections[id] != nil else { return }
            switch judgement.verdict {
            case .deny(let denial): try self.tell(.deny(id, denial))
            case .inspect, .explain: try self.tell(.inspect(id))
            case .pass, .raw:
                try self.tell(judgement.verdict == .raw ? .raw(id) : .pass(id))
                try self.dial(id, 0, connection)
            case .proceed, .ask: break
            }
        }
    }

    private func dial(_ id: ConnectionID, _ attempt: AttemptID, _ connection: Connection) throws {
        let port = connection.opening.port
        let answer: (UpstreamDialer.Outcome) throws -> Void = { [unowned self] outcome in
            guard self.connections[id] != nil else { return }
            switch outcome {
            case .connected(let socket, _): try self.tell(.connected(id, attempt), [socket])
            case .failed(let reason):
                if reason == .closedAddress { self.summary.closed(host: "\(connection.destination)", port: port) }
                self.summary.proxy(reason, host: "\(connection.destination)", port: port)
                try self.write([
                    AuditDetail("action", "unreachable"), AuditDetail("host", "\(connection.destination)"), AuditDetail("port", port),
                    AuditDetail("reason", "\(reason)"),
                ])
                try self.tell(.unreachable(id, attempt, reason))
            }
        }
        if connection.opening.via == .hostPort { return try dialer.dialHost(port: port, answer) }
        try dialer.dial(
            connection.destination, port: port, override: judge.policy.policy.override(for: connection.destination), policy: judge.policy,
            answer)
    }

    // MARK: - The record

    /// Writes a decision down, and acts on it once it is written: what cannot be recorded does not happen.
    func record(
        _ judgement: EgressJudge.Judgement, _ connection: Connection, request: GatewayProtocol.RequestHead? = nil, action: String? = nil,
        grants: [String] = [], _ body: @escaping () throws -> Void
    ) throws {
        let opening = connection.opening
        let isOptional = judgement.rule == EgressJudge.noRule && optional.contains { $0.covers(connection.destination) }
        summary.decided(judgement, host: "\(connection.destination)", port: opening.port, isOptional: isOptional)
        var details = [
            AuditDetail("action", action ?? (grants.isEmpty ? judgement.action : "inject")),
            AuditDetail("host", "\(connection.destination)"),
            AuditDetail("port", opening.port), AuditDetail("via", "\(opening.via)"), AuditDetail("rule", judgement.rule),
        ]
        if !grants.isEmpty { details.append(AuditDetail("grants", grants.joined(separator: ", "))) }
        if let request { details += [AuditDetail("method", request.method), AuditDetail("path", EgressJudge.withoutQuery(request.path))] }
        guard let ticket = try write(details) else { return }
        waiting.append((ticket, body))
    }

    /// - Returns: the number of the record.
    @discardableResult
    func write(_ details: [AuditDetail]) throws -> UInt64? {
        let clean = redaction?.apply(to: details) ?? details
        try whenDecided(clean)
        return try audit?.submit(AuditEntry(.egress, session: session, details: clean))
    }

    /// Acts on what has been written by now.
    private func settle() {
        do {
            guard let audit else { return }
            let written = try audit.acknowledged()
            while let first = waiting.first, first.ticket <= written {
                waiting.removeFirst()
                try first.body()
            }
        } catch {
            close(because: EgressSession.error(error))
        }
    }
}
