import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import Synchronization

/// Messages to the supervisor, from any thread. Sending never blocks: a supervisor that is busy sending must be read from, or
/// both would wait for each other.
final class Outbox: Sendable {
    private struct Waiting {
        var bytes: [UInt8] = []
        var start = 0
        var count: Int { bytes.count - start }
        var failed = false
    }

    /// With this much unsent, no further connection is accepted until half of it is gone.
    static let highWater = 1 << 20

    private let socket: Descriptor
    private let waiting = Mutex(Waiting())
    /// Rung when something waits that the socket did not take.
    private let wake: @Sendable () -> Void

    /// - Parameters:
    ///   - socket: the channel; not blocking.
    ///   - wake: called when `flush` is needed once the socket is writable.
    init(_ socket: Descriptor, wake: @escaping @Sendable () -> Void) {
        self.socket = socket
        self.wake = wake
    }

    func send(_ message: WorkerMessage) {
        let bytes = message.encoded(descriptors: 0)
        let needsWake = waiting.withLock { waiting in
            let wasEmpty = waiting.count == 0
            waiting.bytes += bytes
            flush(&waiting)
            return wasEmpty && waiting.count > 0 || waiting.failed
        }
        if needsWake { wake() }
    }

    /// Sends what the socket takes. Returns whether something is left.
    func flush() -> Bool {
        waiting.withLock {
            flush(&$0)
            return $0.count > 0
        }
    }

    /// Bytes that the supervisor has not taken yet.
    var backlog: Int { waiting.withLock { $0.count } }
    /// The supervisor is gone.
    var hasFailed: Bool { waiting.withLock { $0.failed } }

    private func flush(_ waiting: inout Waiting) {
        while waiting.count > 0, !waiting.failed {
            let sent = waiting.bytes.withUnsafeBytes {
                coop_send_now(socket.number, $0.baseAddress.map { $0 + waiting.start }, waiting.count)
            }
            if sent < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { waiting.failed = true }
                break
            }
            waiting.start += sent
        }
        if waiting.count == 0 {
            waiting.bytes.removeAll(keepingCapacity: waiting.bytes.capacity <= 1 << 16)
            waiting.start = 0
        } else if waiting.start > 1 << 16 {
            waiting.bytes.removeFirst(waiting.start)
            waiting.start = 0
        }
    }
}
