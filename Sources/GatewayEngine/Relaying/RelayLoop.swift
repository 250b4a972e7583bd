import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

/// The thread that moves the bytes of passed-through connections. They are not looked at.
final class RelayLoop: @unchecked Sendable {
    // Only the loop's own thread touches anything but the mailbox, once `run` has begun.

    private enum Command: Sendable {
        case start(ConnectionID, client: Descriptor, upstream: Descriptor)
        case stop(ConnectionID)
        case idleLimit(milliseconds: UInt64)
    }

    /// What became of a connection: bytes to the sandbox and from it.
    struct End: Sendable {
        var id: ConnectionID
        var bytesIn: UInt64
        var bytesOut: UInt64
    }

    private let commands: Mailbox<Command>
    private let events: EventQueue
    private let ended: @Sendable (End) -> Void
    private var sessions: [ConnectionID: RelaySession] = [:]
    private var queued: [RelaySession] = []
    private var pool = PipePool()
    private var idleLimit: UInt64 = 3_600_000
    private var nextSweep: UInt64 = 0

    /// Marks the client's socket in an event's data; connections are numbered far below.
    private static let clientMark: UInt64 = 1 << 63
    private static let mailboxMark: UInt64 = .max

    /// - Parameter ended: called on the loop's thread when a connection is over.
    init(ended: @escaping @Sendable (End) -> Void) throws(SystemError) {
        commands = try Mailbox()
        events = try EventQueue()
        self.ended = ended
        try events.add(commands.descriptor.number, .readable, data: RelayLoop.mailboxMark)
    }

    /// Connects two sockets from now on.
    func start(_ id: ConnectionID, client: Descriptor, upstream: Descriptor) {
        commands.post(.start(id, client: client, upstream: upstream))
    }

    /// Breaks a connection off.
    func stop(_ id: ConnectionID) { commands.post(.stop(id)) }

    func setIdleLimit(milliseconds: UInt64) { commands.post(.idleLimit(milliseconds: milliseconds)) }

    /// Runs until the process ends.
    func run() throws(SystemError) -> Never {
        while true {
            let timeout: Int32 = queued.isEmpty ? (sessions.isEmpty ? -1 : 1000) : 0
            try events.wait(milliseconds: timeout) { data, ready in
                if data == RelayLoop.mailboxMark {
                    for command in commands.drain() { obey(command) }
                } else if let session = sessions[data & ~RelayLoop.clientMark] {
                    session.note(ready, ofClient: data & RelayLoop.clientMark != 0)
                    enqueue(session)
                }
            }
            let turn = queued
            queued.removeAll(keepingCapacity: true)
            for session in turn {
                session.isQueued = false
                // It may have been stopped since.
                if sessions[session.id] === session { advance(session) }
            }
            sweep()
        }
    }

    private func enqueue(_ session: RelaySession) {
        guard !session.isQueued else { return }
        session.isQueued = true
        queued.append(session)
    }

    private func obey(_ command: Command) {
        switch command {
        case .start(let id, let client, let upstream):
            let session = RelaySession(id: id, client: client, upstream: upstream, now: monotonicMilliseconds())
            let interest: ReadyEvents = [.readable, .writable, .peerFinished, .onChange]
            do {
                for socket in [client, upstream] {
                    guard fcntl(socket.number, F_SETFL, O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
                    _ = coop_no_delay(socket.number)
                }
                try events.add(client.number, interest, data: id | RelayLoop.clientMark)
                try events.add(upstream.number, interest, data: id)
            } catch {
                session.breakOff()
                return ended(End(id: id, bytesIn: 0, bytesOut: 0))
            }
            sessions[id] = session
            enqueue(session)
        case .stop(let id):
            if let session = sessions[id] { finish(session, broken: true) }
        case .idleLimit(let milliseconds): idleLimit = milliseconds
        }
    }

    private func advance(_ session: RelaySession) {
        switch session.advance(&pool) {
        case .idle: break
        case .more: enqueue(session)
        case .finished: finish(session, broken: false)
        case .broken: finish(session, broken: true)
        }
    }

    private func finish(_ session: RelaySession, broken: Bool) {
        if broken { session.breakOff() }
        // Closing takes the sockets out of the queue: nobody else holds them.
        sessions[session.id] = nil
        ended(End(id: session.id, bytesIn: session.back.bytes, bytesOut: session.out.bytes))
    }

    /// Breaks off what has been idle too long. Looked at once a second.
    private func sweep() {
        let now = monotonicMilliseconds()
        guard now >= nextSweep else { return }
        nextSweep = now + 1000
        for session in Array(sessions.values) where now - session.lastActivity > idleLimit { finish(session, broken: true) }
    }
}
