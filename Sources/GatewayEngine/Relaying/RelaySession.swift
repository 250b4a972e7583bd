import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

/// One relayed connection: two sockets, and the state of either direction.
final class RelaySession {
    /// One direction. Either socket is the source of one and the target of the other.
    struct Direction {
        /// The source may have something to read.
        var readable = true
        /// The target may take something.
        var writable = true
        /// The source has said its last.
        var ended = false
        /// The end has been passed on.
        var finished = false
        /// Holds the bytes under way.
        var pipe: SplicePipe?
        var bytes: UInt64 = 0
    }

    enum Progress {
        /// Nothing can be done until a socket changes.
        case idle
        /// The turn is over, though more could be done.
        case more
        /// Both directions are finished.
        case finished
        /// A side broke the connection off: so must the other learn it.
        case broken
    }

    let id: ConnectionID
    let client: Descriptor
    let upstream: Descriptor
    /// From the sandbox.
    private(set) var out = Direction()
    /// To the sandbox.
    private(set) var back = Direction()
    /// When a byte last moved, in milliseconds.
    var lastActivity: UInt64
    /// Whether it waits for its next turn.
    var isQueued = false

    /// The most bytes that one direction moves in one turn.
    private static let turn = 4 << 20

    init(id: ConnectionID, client: Descriptor, upstream: Descriptor, now: UInt64) {
        self.id = id
        self.client = client
        self.upstream = upstream
        lastActivity = now
    }

    /// Takes note of what a socket is ready for.
    func note(_ events: ReadyEvents, ofClient: Bool) {
        let ended: ReadyEvents = [.readable, .peerFinished, .hungUp, .failed]
        let writable: ReadyEvents = [.writable, .hungUp, .failed]
        if !events.isDisjoint(with: ended) {
            if ofClient { out.readable = true } else { back.readable = true }
        }
        if !events.isDisjoint(with: writable) {
            if ofClient { back.writable = true } else { out.writable = true }
        }
    }

    /// Moves bytes in both directions until nothing moves any more or the turn is over.
    func advance(_ pool: inout PipePool) -> Progress {
        let before = out.bytes &+ back.bytes
        let first = RelaySession.pump(&out, from: client, to: upstream, &pool)
        let second = RelaySession.pump(&back, from: upstream, to: client, &pool)
        if out.bytes &+ back.bytes != before { lastActivity = monotonicMilliseconds() }
        if case .broken = first { return .broken }
        if case .broken = second { return .broken }
        if out.finished && back.finished { return .finished }
        if case .more = first { return .more }
        return second
    }

    /// Makes closing reset both sides.
    func breakOff() {
        _ = coop_reset_on_close(client.number)
        _ = coop_reset_on_close(upstream.number)
    }

    private static func pump(
        _ direction: inout Direction, from source: Descriptor, to target: Descriptor, _ pool: inout PipePool
    ) -> Progress {
        var moved = 0
        defer {
            if let pipe = direction.pipe, pipe.filled == 0 {
                pool.giveBack(pipe)
                direction.pipe = nil
            }
        }
        while !direction.finished {
            if let pipe = direction.pipe, pipe.filled > 0 {
                guard direction.writable else { return .idle }
                let count = coop_splice(pipe.reader.number, target.number, pipe.filled)
                if count > 0 {
                    pipe.filled -= count
                    direction.bytes &+= UInt64(count)
                    moved += count
                    continue
                }
                if count < 0, errno == EINTR { continue }
                guard count < 0, errno == EAGAIN else { return .broken }
                direction.writable = false
                return .idle
            }
            if direction.ended {
                // FIN is passed on once everything before it has been.
                guard shutdown(target.number, Int32(SHUT_WR)) == 0 else { return .broken }
                direction.finished = true
                return .idle
            }
            guard direction.readable else { return .idle }
            guard moved < turn else { return .more }
            if direction.pipe == nil { direction.pipe = try? pool.take() }
            // Without a pipe the connection cannot go on, and must not hang.
            guard let pipe = direction.pipe else { return .broken }
            let count = coop_splice(source.number, pipe.writer.number, pipe.size)
            if count > 0 {
                pipe.filled += count
            } else if count == 0 {
                direction.ended = true
            } else if errno == EAGAIN {
                direction.readable = false
            } else if errno != EINTR {
                return .broken
            }
        }
        return .idle
    }
}
