import CLinux
import Glibc
import LinuxKernel

/// Copies bytes from one descriptor to another on an event loop, with a bounded buffer: a slow reader stops the source
/// instead of growing memory. Descriptors stay blocking, because they may be shared with the caller's shell; nothing is
/// read or written before poll(2) says so.
final class Pump {
    private static let chunk = 65536

    private let source: Int32
    private let target: Int32
    private let loop: EventLoop
    private let transform: ([UInt8]) -> [UInt8]
    private let finished: () -> Void
    private var pending: [UInt8] = []
    private var sourceEnded = false
    private(set) var isDone = false
    private var isPaused = false

    /// - Parameters:
    ///   - transform: applied to each piece on its way.
    ///   - finished: called once when the source has ended and all is written, or the target takes no more.
    init(
        from source: Int32, to target: Int32, loop: EventLoop, transform: @escaping ([UInt8]) -> [UInt8] = { $0 },
        finished: @escaping () -> Void = {}
    ) {
        self.source = source
        self.target = target
        self.loop = loop
        self.transform = transform
        self.finished = finished
    }

    func start() {
        isPaused = false
        guard !isDone else { return }
        if pending.isEmpty { watchSource() } else { watchTarget() }
    }

    /// Stops reading until `start` is called again.
    func pause() {
        isPaused = true
        loop.unwatch(source)
    }

    private func watchSource() {
        guard !isPaused else { return }
        loop.watch(source) { [unowned self] _ in self.read() }
    }

    private func watchTarget() {
        loop.watch(target, events: Int16(POLLOUT)) { [unowned self] events in self.write(events) }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: Pump.chunk)
        let count = Glibc.read(source, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        loop.unwatch(source)
        guard count > 0 else {
            // EIO: the last user of a terminal has closed it.
            sourceEnded = true
            if pending.isEmpty { finish() }
            return
        }
        pending += transform(Array(buffer[0..<count]))
        if pending.isEmpty { watchSource() } else { watchTarget() }
    }

    private func write(_ events: Int16) {
        if events & Int16(POLLERR | POLLNVAL) != 0 {
            finish()
            return
        }
        // No more than what a pipe takes at once after POLLOUT (pipe(7)).
        let count = pending.withUnsafeBytes { Glibc.write(target, $0.baseAddress, min($0.count, 4096)) }
        if count < 0 {
            if errno == EINTR || errno == EAGAIN { return }
            finish()
            return
        }
        pending.removeFirst(count)
        guard pending.isEmpty else { return }
        loop.unwatch(target, events: Int16(POLLOUT))
        if sourceEnded { finish() } else { watchSource() }
    }

    private func finish() {
        guard !isDone else { return }
        isDone = true
        loop.unwatch(source)
        loop.unwatch(target, events: Int16(POLLOUT))
        finished()
    }

    /// Passes on what can be read right now, without waiting for more, and goes on afterwards.
    func flush() {
        guard !isDone else { return }
        copyAvailable()
        if !isDone { start() }
    }

    /// Passes on what can be read right now, and ends; used when the command has ended.
    func drain() {
        guard !isDone else { return }
        copyAvailable()
        loop.unwatch(source)
        loop.unwatch(target, events: Int16(POLLOUT))
        isDone = true
    }

    private func copyAvailable() {
        loop.unwatch(target, events: Int16(POLLOUT))
        while true {
            while !pending.isEmpty {
                let count = pending.withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    finish()
                    return
                }
                pending.removeFirst(count)
            }
            var entry = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard !sourceEnded, poll(&entry, 1, 0) > 0, entry.revents & Int16(POLLIN) != 0 else { return }
            var buffer = [UInt8](repeating: 0, count: Pump.chunk)
            let count = Glibc.read(source, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            pending += transform(Array(buffer[0..<count]))
        }
    }
}
