import CLinux
import Glibc
import LinuxKernel
import Sandbox

/// A stream of messages on an event loop that neither side can make grow: what is written waits for the reader, and nothing is read while
/// the last message is being worked on.
final class AgentConnection {
    private let socket: Descriptor
    private let loop: EventLoop
    private var frames = AgentFrames()
    private var pending: [UInt8] = []
    /// Whether the last message has been dealt with.
    private var isIdle = false
    private var isPumping = false
    private(set) var isClosed = false
    /// Called with each message; nothing more is read until `resume`.
    var received: ([UInt8]) -> Void = { _ in }
    /// Called once, when the other side has gone or does not keep to the protocol.
    var closed: () -> Void = {}

    /// - Parameter socket: non-blocking.
    init(_ socket: Descriptor, loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// Goes on to the next message. Called from within `received` it returns at once, so that many small messages are a loop, not a tower
    /// of calls.
    func resume() {
        isIdle = true
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        // Who does not take its answers gets no more of them.
        while isIdle, !isClosed, pending.isEmpty {
            do {
                guard let message = try frames.next() else {
                    return loop.watch(socket.number) { [weak self] _ in self?.read() }
                }
                isIdle = false
                loop.unwatch(socket.number)
                received(message)
            } catch { close() }
        }
    }

    func send(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        pending += bytes
        write()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        loop.unwatch(socket.number)
        loop.unwatch(socket.number, events: Int16(POLLOUT))
        closed()
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else { return close() }
        frames.append(buffer[0..<count])
        resume()
    }

    private func write() {
        while !pending.isEmpty {
            let count = pending.withUnsafeBytes { coop_send_now(socket.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                loop.unwatch(socket.number)
                return loop.watch(socket.number, events: Int16(POLLOUT)) { [weak self] _ in self?.write() }
            }
            guard count > 0 else { return close() }
            pending.removeFirst(count)
        }
        loop.unwatch(socket.number, events: Int16(POLLOUT))
        if isIdle { resume() }
    }
}
