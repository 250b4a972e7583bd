import Substitution

/// What the supervisor says to the worker.
public enum SupervisorMessage: Equatable, Sendable {
    /// The first message, once.
    case configure(WorkerConfiguration)
    /// A listening socket, or the UDP socket of the DNS, comes along (one descriptor).
    case listener(ListenerKind)
    /// Replaces what the worker looks for.
    case watch(SecretWatch)

    /// The connection is refused: a program that speaks HTTP gets the denial as a page, others a closed connection.
    case deny(ConnectionID, Denial)
    /// The answer to `open` with the protocol `awaited`: the client may say what it speaks, and is judged by that.
    case proceed(ConnectionID)
    /// Bytes go through untouched; `connected` follows.
    case pass(ConnectionID)
    /// HTTP is read, TLS terminated, and each request judged.
    case inspect(ConnectionID)
    /// As `pass`, because a rule names this port.
    case raw(ConnectionID)

    /// The connected upstream socket comes along (one descriptor).
    case connected(ConnectionID, AttemptID)
    case unreachable(ConnectionID, AttemptID, Unreachable)

    case allowRequest(ConnectionID, StreamID, [Injection])
    case denyRequest(ConnectionID, StreamID, Denial)

    /// The request does not leave: its body is to be sent to the supervisor whole (`WorkerMessage.body`), which answers it itself.
    case collect(ConnectionID, StreamID)
    /// What the supervisor answers to a request that it has read.
    case respond(ConnectionID, StreamID, WholeResponse)
    /// A request of coop's own, with the connected socket to send it over (one descriptor). Once for a worker, which has no sandbox.
    case fetch(OutboundRequest)

    /// The connection is no longer allowed and is closed at once.
    case revoke(ConnectionID)
    /// Every connection is closed and the worker ends.
    case shutdown

    /// How many descriptors must come with the message.
    public var descriptors: Int {
        switch self {
        case .listener, .connected, .fetch: 1
        default: 0
        }
    }
}

extension SupervisorMessage: WireMessage {
    public static var sizeLimit: Int { ProtocolLimit.supervisorMessage }
    public static var carriesSecrets: Bool { true }

    public func encoded(descriptors: Int) -> [UInt8] {
        var writer = WireWriter(capacity: sizeBound)
        writer.write(UInt32(0))
        writer.write(type)
        writer.write(UInt8(clamping: descriptors))
        switch self {
        case .configure(let configuration): configuration.encode(to: &writer)
        case .listener(let kind): kind.encode(to: &writer)
        case .watch(let watch): watch.encode(to: &writer)
        case .deny(let id, let denial):
            writer.write(id)
            denial.encode(to: &writer)
        case .collect(let id, let stream):
            writer.write(id)
            writer.write(stream)
        case .respond(let id, let stream, let response):
            writer.write(id)
            writer.write(stream)
            response.encode(to: &writer)
        case .fetch(let request): request.encode(to: &writer)
        case .proceed(let id), .pass(let id), .inspect(let id), .raw(let id), .revoke(let id): writer.write(id)
        case .connected(let id, let attempt):
            writer.write(id)
            writer.write(attempt)
        case .unreachable(let id, let attempt, let reason):
            writer.write(id)
            writer.write(attempt)
            writer.write(reason.rawValue)
        case .allowRequest(let id, let stream, let injections):
            writer.write(id)
            writer.write(stream)
            writer.write(injections) { $1.encode(to: &$0) }
        case .denyRequest(let id, let stream, let denial):
            writer.write(id)
            writer.write(stream)
            denial.encode(to: &writer)
        case .shutdown: break
        }
        return writer.finishMessage()
    }

    /// At least the size of a message that carries secrets.
    private var sizeBound: Int {
        switch self {
        case .configure(let configuration): configuration.roots.reduce(4096 + configuration.watch.sizeBound) { $0 + $1.count + 4 }
        case .watch(let watch): 64 + watch.sizeBound
        case .respond(_, _, let response): 64 + response.sizeBound
        case .fetch(let request): 64 + request.sizeBound
        case .allowRequest(_, _, let injections): injections.reduce(64) { $0 + $1.sizeBound }
        default: 64
        }
    }

    private var type: UInt8 {
        switch self {
        case .configure: 1
        case .listener: 2
        case .watch: 3
        case .deny: 4
        case .pass: 5
        case .inspect: 6
        case .raw: 7
        case .connected: 8
        case .unreachable: 9
        case .allowRequest: 10
        case .denyRequest: 11
        case .revoke: 12
        case .shutdown: 13
        case .proceed: 14
        case .collect: 15
        case .respond: 16
        case .fetch: 17
        }
    }

    public static func decode(_ body: [UInt8]) throws(WireError) -> (frame: SupervisorMessage, descriptors: Int) {
        var reader = WireReader(body)
        let type = try reader.read(UInt8.self)
        let descriptors = Int(try reader.read(UInt8.self))
        let message: SupervisorMessage
        switch type {
        case 1: message = .configure(try WorkerConfiguration(from: &reader))
        case 2: message = .listener(try ListenerKind(from: &reader))
        case 3: message = .watch(try SecretWatch(from: &reader))
        case 4: message = .deny(try reader.read(), try Denial(from: &reader))
        case 5: message = .pass(try reader.read())
        case 6: message = .inspect(try reader.read())
        case 7: message = .raw(try reader.read())
        case 8: message = .connected(try reader.read(), try reader.read())
        case 9: message = .unreachable(try reader.read(), try reader.read(), try reader.readCase())
        case 10:
            let id = try reader.read(ConnectionID.self)
            let stream = try reader.read(StreamID.self)
            let injections = try reader.readList(limit: ProtocolLimit.injections) { (one) throws(WireError) in try Injection(from: &one) }
            message = .allowRequest(id, stream, injections)
        case 11: message = .denyRequest(try reader.read(), try reader.read(), try Denial(from: &reader))
        case 12: message = .revoke(try reader.read())
        case 13: message = .shutdown
        case 14: message = .proceed(try reader.read())
        case 15: message = .collect(try reader.read(), try reader.read())
        case 16: message = .respond(try reader.read(), try reader.read(), try WholeResponse(from: &reader))
        case 17: message = .fetch(try OutboundRequest(from: &reader))
        default: throw WireError("unknown message \(type)")
        }
        guard reader.isAtEnd else { throw WireError("bytes after the end of a message") }
        guard descriptors == message.descriptors else { throw WireError("\(descriptors) descriptors with message \(type)") }
        return (message, descriptors)
    }
}
