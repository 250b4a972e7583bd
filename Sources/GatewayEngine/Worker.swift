import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

/// The confined process between a sandbox and the network: accepts the sandbox's connections, finds out where they want to go,
/// asks the supervisor, and has the bytes moved. It has no files and makes no sockets.
///
/// One thread: everything but the relay's bytes and the inspected connections happens here.
final class Worker {
    struct Listener {
        var kind: ListenerKind
        var socket: Descriptor
        /// Whether it is in the event queue.
        var isWatched = false
    }

    /// What other threads tell this one.
    enum Notice: Sendable {
        case ended(ConnectionID, bytesIn: UInt64, bytesOut: UInt64)
        /// The outbox could not send everything.
        case backlog
    }

    let channel: WorkerChannel
    let events: EventQueue
    let notices: Mailbox<Notice>
    let outbox: Outbox
    let relay: RelayLoop
    let inspectors: any StartedInspectors
    var inspector: (any Inspector)?
    var limits = WorkerLimits()
    /// What upstream certificates are verified with, for requests of coop's own.
    private var roots: [[UInt8]] = []
    var isConfigured = false
    var listeners: [Listener] = []
    var connections: [ConnectionID: ClientConnection] = [:]
    var lastID: ConnectionID = 0
    var responder = DNSResponder(table: NameTable(limit: 1))
    var incidents = IncidentBudget()
    /// The connections that the process has descriptors for.
    var connectionLimit = 1
    var nextTick: UInt64 = 0
    var nextSecond: UInt64 = 0
    /// Whether the channel is watched for room to write.
    var awaitsRoom = false
    var isAccepting = true
    let buffer: UnsafeMutableRawBufferPointer
    /// Whether somebody waits only a moment for first bytes, so that ticks must be short.
    var hasImpatient = false

    static let channelMark: UInt64 = .max
    static let noticeMark: UInt64 = .max - 1
    static let listenerMark: UInt64 = 1 << 62

    /// Milliseconds that a client is given to speak where it need not.
    static let patience: UInt64 = 300
    /// Milliseconds, and bytes, that a refused client is listened to.
    static let drainTime: UInt64 = 2000
    static let drainLimit = 256 << 10
    /// Descriptors of a connection at most: two sockets, and a pipe for either direction.
    private static let descriptorsPerConnection = 6

    /// - Parameters:
    ///   - socket: the channel.
    ///   - relay: its thread is started by the caller.
    init(
        socket: Descriptor, relay: RelayLoop, notices: Mailbox<Notice>,
        inspectors: any StartedInspectors
    ) throws(SystemError) {
        try check("fcntl") { fcntl(socket.number, F_SETFL, O_NONBLOCK) }
        channel = WorkerChannel(socket)
        events = try EventQueue()
        self.notices = notices
        self.relay = relay
        self.inspectors = inspectors
        outbox = Outbox(socket) { notices.post(.backlog) }
        buffer = .allocate(byteCount: FirstBytes.sizeLimit, alignment: 16)
        try events.add(socket.number, [.readable, .peerFinished], data: Worker.channelMark)
        try events.add(notices.descriptor.number, .readable, data: Worker.noticeMark)
    }

    deinit { buffer.deallocate() }

    /// Runs until the supervisor ends it or is gone.
    ///
    /// - Throws: `WireError` for a supervisor that does not speak the protocol, `SystemError` for a failing kernel.
    func run() throws {
        outbox.send(.ready(version: ProtocolLimit.version))
        var isOver = false
        while !isOver {
            var failure: (any Error)?
            try events.wait(milliseconds: timeout()) { data, ready in
                guard failure == nil, !isOver else { return }
                do {
                    switch data {
                    case Worker.channelMark: isOver = try !readChannel()
                    case Worker.noticeMark: readNotices()
                    case let mark where mark >= Worker.listenerMark: accept(Int(mark - Worker.listenerMark))
                    default: if let connection = connections[data] { advance(connection, ready) }
                    }
                } catch { failure = error }
            }
            if let failure { throw failure }
            if outbox.hasFailed { return }
            try watchOutbox()
            try pace()
            tick()
        }
    }

    // MARK: - The supervisor

    /// Returns false when the worker must end.
    private func readChannel() throws -> Bool {
        guard let messages = try channel.receive() else { return false }
        for (message, descriptors) in messages {
            guard isConfigured || message.isConfiguration else { throw WireError("a message before the configuration") }
            switch message {
            case .configure(let configuration):
                guard !isConfigured else { throw WireError("a second configuration") }
                try configure(configuration)
            case .listener(let kind): try listen(kind, descriptors[0])
            case .watch(let watch): inspector?.watch(watch)
            case .deny(let id, let denial): refuse(id, denial)
            case .proceed(let id): proceed(id)
            case .pass(let id), .raw(let id): pass(id)
            case .inspect(let id): inspect(id)
            case .connected(let id, let attempt): connected(id, attempt, descriptors[0])
            case .unreachable(let id, let attempt, let reason): unreachable(id, attempt, reason)
            case .allowRequest(let id, let stream, let injections): inspector?.allow(id, stream, injections)
            case .denyRequest(let id, let stream, let denial): inspector?.deny(id, stream, denial)
            case .collect(let id, let stream): inspector?.collect(id, stream)
            case .respond(let id, let stream, let response): inspector?.respond(id, stream, response)
            case .fetch(let request):
                inspectors.fetch(request, over: descriptors[0], roots: roots, WorkerObserver(outbox: outbox, notices: notices))
            case .revoke(let id): revoke(id)
            case .shutdown: return false
            }
        }
        return true
    }

    private func configure(_ configuration: WorkerConfiguration) throws {
        limits = configuration.limits
        roots = configuration.roots
        responder = DNSResponder(table: NameTable(limit: Int(limits.names)))
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try check("getrlimit") { coop_getrlimit(Int32(RLIMIT_NOFILE.rawValue), &soft, &hard) }
        // Some are the worker's own; pipes are given up first when there are not enough.
        connectionLimit = max(1, min(Int(limits.connections), (Int(clamping: soft) - 64) / Worker.descriptorsPerConnection))
        relay.setIdleLimit(milliseconds: UInt64(limits.idleSeconds) * 1000)
        inspector = try inspectors.make(configuration, WorkerObserver(outbox: outbox, notices: notices))
        isConfigured = true
    }

    private func listen(_ kind: ListenerKind, _ socket: Descriptor) throws {
        let isDatagram = kind == .dns
        guard coop_socket_type(socket.number) == (isDatagram ? 2 : 1) else { throw WireError("a listener of the wrong type") }
        try check("fcntl") { fcntl(socket.number, F_SETFL, O_NONBLOCK) }
        if isDatagram { try check("setsockopt(IP_PKTINFO)") { coop_datagram_prepare(socket.number) } }
        if !isDatagram { Worker.keepAlive(socket) }
        let index = listeners.count
        listeners.append(Listener(kind: kind, socket: socket, isWatched: true))
        try events.add(socket.number, .readable, data: Worker.listenerMark + UInt64(index))
    }

    /// Has the kernel look after connections that say nothing: a client may wait long for an answer, and one that is gone without a word must
    /// be noticed. What is accepted inherits this (tcp(7)).
    private static func keepAlive(_ socket: Descriptor) {
        let tcp = Int32(IPPROTO_TCP)
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (tcp, TCP_KEEPIDLE, 10), (tcp, TCP_KEEPINTVL, 2), (tcp, TCP_KEEPCNT, 3),
        ] {
            var value = Int32(value)
            setsockopt(socket.number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private func watchOutbox() throws(SystemError) {
        let needsRoom = outbox.flush()
        guard needsRoom != awaitsRoom else { return }
        awaitsRoom = needsRoom
        let interest: ReadyEvents = needsRoom ? [.readable, .peerFinished, .writable] : [.readable, .peerFinished]
        try events.modify(channel.socket.number, interest, data: Worker.channelMark)
    }

    private func readNotices() {
        for case .ended(let id, let bytesIn, let bytesOut) in notices.drain() {
            guard connections.removeValue(forKey: id) != nil else { continue }
            outbox.send(.closed(id, bytesIn: bytesIn, bytesOut: bytesOut))
            resumeListeners()
        }
    }

    // MARK: - Pace

    /// Accepts nothing while the supervisor is behind: what it has not read yet must not grow without bound.
    private func pace() throws(SystemError) {
        let backlog = outbox.backlog
        if isAccepting ? backlog > Outbox.highWater : backlog < Outbox.highWater / 2 {
            isAccepting = backlog <= Outbox.highWater
            for index in listeners.indices where listeners[index].isWatched != isAccepting {
                let number = listeners[index].socket.number
                if isAccepting {
                    try events.add(number, .readable, data: Worker.listenerMark + UInt64(index))
                } else {
                    events.remove(number)
                }
                listeners[index].isWatched = isAccepting
            }
        }
    }

    private func timeout() -> Int32 {
        if connections.isEmpty { return -1 }
        return hasImpatient ? 50 : 1000
    }

    /// Ends what has waited too long.
    private func tick() {
        let now = monotonicMilliseconds()
        if now >= nextSecond {
            nextSecond = now + 1000
            let suppressed = incidents.refill()
            if suppressed > 0 { outbox.send(.incident(0, .limitReached, detail: "\(suppressed) further incidents in a second")) }
        }
        guard now >= nextTick else { return }
        hasImpatient = false
        for connection in Array(connections.values) {
            if case .firstBytes(patient: false) = connection.stage { hasImpatient = true }
            if now >= connection.deadline { expire(connection) }
        }
        nextTick = now + (hasImpatient ? 50 : 1000)
    }

    /// Tells the supervisor of something that was stopped, unless it has been told too much already.
    func report(_ id: ConnectionID, _ kind: IncidentKind, _ detail: String) {
        if incidents.spend() { outbox.send(.incident(id, kind, detail: detail)) }
    }
}

/// What the pipelines know of the worker.
private struct WorkerObserver: InspectorObserver {
    let outbox: Outbox
    let notices: Mailbox<Worker.Notice>

    func send(_ message: WorkerMessage) { outbox.send(message) }
    func ended(_ id: ConnectionID, bytesIn: UInt64, bytesOut: UInt64) {
        notices.post(.ended(id, bytesIn: bytesIn, bytesOut: bytesOut))
    }
}

extension SupervisorMessage {
    fileprivate var isConfiguration: Bool {
        if case .configure = self { true } else { false }
    }
}
