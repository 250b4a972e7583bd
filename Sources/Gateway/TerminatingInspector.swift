import CLinux
import Certificates
import GatewayEngine
import GatewayProtocol
import Glibc
import HTTPGateway
import LinuxKernel
import NIOCore
import NIOHTTP1
import NIOPosix
import Substitution
import Synchronization

/// Joins the worker with the pipelines that terminate TLS and read HTTP: what they ask goes to the supervisor as messages, and
/// its answers come back as the futures that they wait for.
final class TerminatingInspector: Inspector {
    /// A connection of the pipelines. The socket here and theirs are duplicates: this one is for breaking it off and counting.
    private struct Connection {
        var socket: Descriptor
        var lastAttempt: AttemptID = 0
        var requests: [StreamID: EventLoopPromise<Verdict>] = [:]
        var answers: [StreamID: EventLoopPromise<JudgeResponse>] = [:]
        var dials: [AttemptID: EventLoopPromise<Descriptor>] = [:]
    }

    private let connections = Mutex<[ConnectionID: Connection]>([:])
    private let watched: Mutex<WatchedCredentials>
    private let tables = ScrubbingTables()
    private let group: any EventLoopGroup
    private let observer: any InspectorObserver
    private let verdictTime: TimeAmount
    // Set once, at the end of `init`, before anybody else knows this object.
    private nonisolated(unsafe) var proxy: TerminatingProxy?

    /// - Throws: when the authority's or a root's bytes are no certificate.
    init(
        _ configuration: WorkerConfiguration, authority: SandboxAuthority, group: any EventLoopGroup, observer: any InspectorObserver
    ) throws {
        self.group = group
        self.observer = observer
        watched = Mutex(WatchedCredentials(configuration.watch))
        verdictTime = .seconds(Int64(configuration.limits.verdictSeconds))
        var limits = MessageLimits()
        limits.head = Int(configuration.limits.headBytes)
        limits.headSeconds = Int64(configuration.limits.handshakeSeconds)
        limits.handshakeSeconds = Int64(configuration.limits.handshakeSeconds)
        limits.idleUpstreams = Int(configuration.limits.pooled)
        var key = authority.key.withBytes { Array($0) }
        defer { key.wipe() }
        let certificates = try CertificateAuthority(certificate: authority.certificate, privateKey: key)
        proxy = try TerminatingProxy(
            .init(authority: certificates, roots: configuration.roots, limits: limits), group: group,
            judge: Judge(inspector: self), dialer: Dialer(inspector: self),
            transforms: Transforms(inspector: self)
        ) { incident in
            observer.send(.incident(incident.connection, IncidentKind(incident.kind), detail: incident.detail))
        }
    }

    func begin(_ id: ConnectionID, socket: Descriptor, opening: Opening) {
        let name =
            switch opening.destination {
            case .name(let name): name
            case .address(let address): address.description
            }
        let transport: ConnectionInfo.Transport
        switch opening.protocol {
        case .tls: transport = .tls
        case .http2: transport = .cleartextHTTP2
        case .http: transport = .cleartext
        case .other, .silent, .awaited: return observer.ended(id, bytesIn: 0, bytesOut: 0)
        }
        guard let proxy else { return observer.ended(id, bytesIn: 0, bytesOut: 0) }
        connections.withLock { $0[id] = Connection(socket: socket) }
        proxy.serve(socket, ConnectionInfo(id: id, name: name, port: opening.port, transport: transport)).whenComplete { [self] _ in
            end(id)
        }
    }

    private func end(_ id: ConnectionID) {
        guard let connection = connections.withLock({ $0.removeValue(forKey: id) }) else { return }
        for promise in connection.requests.values { promise.fail(ChannelError.ioOnClosedChannel) }
        for promise in connection.answers.values { promise.fail(ChannelError.ioOnClosedChannel) }
        for promise in connection.dials.values { promise.fail(ChannelError.ioOnClosedChannel) }
        var received: UInt64 = 0
        var sent: UInt64 = 0
        _ = coop_stream_bytes(connection.socket.number, &received, &sent)
        observer.ended(id, bytesIn: sent, bytesOut: received)
    }

    // MARK: - Questions of the pipelines

    fileprivate func judge(_ head: HTTPGateway.RequestHead, _ id: ConnectionID) -> EventLoopFuture<Verdict> {
        ask(head, id) { .request(id, $0, $1) }
    }

    fileprivate func abandon(_ head: HTTPGateway.RequestHead, _ id: ConnectionID) {
        let stream = StreamID(clamping: head.stream)
        guard let promise = connections.withLock({ $0[id]?.requests.removeValue(forKey: stream) }) else { return }
        promise.fail(ChannelError.ioOnClosedChannel)
        observer.send(.abandoned(id, stream))
    }

    /// The answer to a request that a host has refused comes as a verdict, too.
    fileprivate func renew(
        _ head: HTTPGateway.RequestHead, _ rejected: Injection, _ id: ConnectionID
    ) -> EventLoopFuture<[Injection]?> {
        ask(head, id) { .rejected(id, $0, $1, grant: rejected.grant, revision: rejected.revision ?? 0) }
            .map { if case .allow(let injections) = $0 { injections } else { nil } }
    }

    private func ask(
        _ head: HTTPGateway.RequestHead, _ id: ConnectionID,
        _ message: (StreamID, GatewayProtocol.RequestHead) -> WorkerMessage
    ) -> EventLoopFuture<Verdict> {
        let promise = group.next().makePromise(of: Verdict.self)
        let stream = StreamID(clamping: head.stream)
        guard let question = RequestReading.question(head, watched.withLock { $0.survey }) else {
            promise.succeed(.deny(HTTPGateway.Denial(rule: "limits", reason: "the request's head is too large to be judged")))
            return promise.futureResult
        }
        let isKnown = connections.withLock { connections in
            guard connections[id] != nil, connections[id]?.requests[stream] == nil else { return false }
            connections[id]?.requests[stream] = promise
            return true
        }
        guard isKnown else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return promise.futureResult
        }
        let deadline = group.next().scheduleTask(in: verdictTime) { [self] in
            answer(id, stream, .deny(HTTPGateway.Denial(rule: "no answer", reason: "nobody has decided in time")))
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        observer.send(message(stream, question))
        return promise.futureResult
    }

    fileprivate func answer(_ head: HTTPGateway.RequestHead, _ body: ByteBuffer, _ id: ConnectionID) -> EventLoopFuture<JudgeResponse> {
        let promise = group.next().makePromise(of: JudgeResponse.self)
        let stream = StreamID(clamping: head.stream)
        let isKnown = connections.withLock { connections in
            guard connections[id] != nil, connections[id]?.answers[stream] == nil else { return false }
            connections[id]?.answers[stream] = promise
            return true
        }
        guard isKnown else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return promise.futureResult
        }
        let deadline = group.next().scheduleTask(in: verdictTime) { [self] in
            connections.withLock { $0[id]?.answers.removeValue(forKey: stream) }?.fail(ChannelError.ioOnClosedChannel)
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        observer.send(.body(id, stream, Array(buffer: body)))
        return promise.futureResult
    }

    fileprivate func dial(_ id: ConnectionID) -> EventLoopFuture<Descriptor> {
        let promise = group.next().makePromise(of: Descriptor.self)
        let attempt: AttemptID? = connections.withLock { connections in
            guard var connection = connections[id] else { return nil }
            connection.lastAttempt += 1
            connection.dials[connection.lastAttempt] = promise
            connections[id] = connection
            return connection.lastAttempt
        }
        guard let attempt else {
            promise.fail(DialFailure(reason: "the connection is closed"))
            return promise.futureResult
        }
        observer.send(.dial(id, attempt))
        return promise.futureResult
    }

    // MARK: - The supervisor's answers

    private func answer(_ id: ConnectionID, _ stream: StreamID, _ verdict: Verdict) {
        connections.withLock { $0[id]?.requests.removeValue(forKey: stream) }?.succeed(verdict)
    }

    func allow(_ id: ConnectionID, _ stream: StreamID, _ injections: [Injection]) { answer(id, stream, .allow(injections)) }

    func deny(_ id: ConnectionID, _ stream: StreamID, _ denial: GatewayProtocol.Denial) {
        let next = denial.next.isEmpty ? nil : denial.next
        answer(id, stream, .deny(HTTPGateway.Denial(rule: denial.rule, reason: denial.reason, next: next)))
    }

    func collect(_ id: ConnectionID, _ stream: StreamID) { answer(id, stream, .collect) }

    func respond(_ id: ConnectionID, _ stream: StreamID, _ response: WholeResponse) {
        let head = ResponseHead(
            status: Int(response.status), headers: HTTPHeaders(response.fields.map { ($0.name, $0.value) }))
        connections.withLock { $0[id]?.answers.removeValue(forKey: stream) }?
            .succeed(JudgeResponse(head: head, body: ByteBuffer(bytes: response.body)))
    }

    func connected(_ id: ConnectionID, _ attempt: AttemptID, socket: Descriptor) {
        connections.withLock { $0[id]?.dials.removeValue(forKey: attempt) }?.succeed(socket)
    }

    func unreachable(_ id: ConnectionID, _ attempt: AttemptID, _ reason: Unreachable) {
        connections.withLock { $0[id]?.dials.removeValue(forKey: attempt) }?.fail(DialFailure(reason: reason.words))
    }

    func revoke(_ id: ConnectionID) {
        guard let socket = connections.withLock({ $0[id]?.socket }) else { return }
        // The pipelines see the end of their duplicate; what they still send goes nowhere.
        _ = coop_reset_on_close(socket.number)
        shutdown(socket.number, Int32(SHUT_RDWR))
    }

    func watch(_ watch: SecretWatch) {
        let made = WatchedCredentials(watch)
        watched.withLock { $0 = made }
        tables.removeAll()
    }

    fileprivate func transforms(_ head: HTTPGateway.RequestHead, _ injections: [Injection]) -> CredentialTransforms? {
        let watched = watched.withLock { $0 }
        return injections.isEmpty && watched.secrets == nil ? nil : CredentialTransforms(head, injections, watched, tables)
    }
}

private struct Judge: RequestJudge {
    let inspector: TerminatingInspector
    func judge(_ request: HTTPGateway.RequestHead, on connection: ConnectionInfo) -> EventLoopFuture<Verdict> {
        inspector.judge(request, connection.id)
    }
    func abandon(_ request: HTTPGateway.RequestHead, on connection: ConnectionInfo) { inspector.abandon(request, connection.id) }
    func answer(
        _ request: HTTPGateway.RequestHead, body: ByteBuffer, on connection: ConnectionInfo
    ) -> EventLoopFuture<JudgeResponse> {
        inspector.answer(request, body, connection.id)
    }
    func renew(
        _ request: HTTPGateway.RequestHead, rejected: Injection, on connection: ConnectionInfo
    ) -> EventLoopFuture<[Injection]?> {
        inspector.renew(request, rejected, connection.id)
    }
}

private struct Transforms: TransformProvider {
    let inspector: TerminatingInspector
    func transforms(
        for request: HTTPGateway.RequestHead, injections: [Injection], on connection: ConnectionInfo
    ) -> (any ExchangeTransforms)? {
        inspector.transforms(request, injections)
    }
}

private struct Dialer: UpstreamDialer {
    let inspector: TerminatingInspector
    func dial(_ connection: ConnectionInfo) -> EventLoopFuture<Descriptor> { inspector.dial(connection.id) }
}

extension IncidentKind {
    fileprivate init(_ kind: Incident.Kind) {
        self =
            switch kind {
            case .smuggling: .smuggling
            case .malformed: .malformed
            case .oversized: .limitReached
            case .certificate: .untrustedUpstream
            case .upstream: .upstreamFailed
            case .stub: .stubLeaving
            case .secret: .secretLeaving
            case .foreignCredential: .foreignCredential
            case .judge: .refused
            }
    }
}
