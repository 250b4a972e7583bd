import CLinux
import Glibc
import LinuxKernel
import Sandbox

/// Two stream sockets whose bytes go to each other, with a bounded buffer in each direction. The end of one direction is passed on as such.
final class JoinedSockets {
    private static let chunk = 64 << 10

    private struct Direction {
        var pending: [UInt8] = []
        var hasEnded = false
        var isShut = false
    }

    private let sockets: [Descriptor]
    private let loop: EventLoop
    /// What was read from the socket of the same index.
    private var directions = [Direction(), Direction()]
    private var isClosed = false
    /// Called once, when both directions are over.
    var closed: () -> Void = {}

    /// - Parameters: non-blocking sockets.
    init(_ first: Descriptor, _ second: Descriptor, loop: EventLoop) {
        sockets = [first, second]
        self.loop = loop
    }

    func start() { for index in 0...1 { watch(index) } }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for socket in sockets {
            loop.unwatch(socket.number)
            loop.unwatch(socket.number, events: Int16(POLLOUT))
        }
        closed()
    }

    private func watch(_ index: Int) { loop.watch(sockets[index].number) { [weak self] _ in self?.read(index) } }

    private func read(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: JoinedSockets.chunk)
        let count = Glibc.read(sockets[index].number, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count >= 0 else { return close() }
        loop.unwatch(sockets[index].number)
        if count == 0 { directions[index].hasEnded = true } else { directions[index].pending += buffer[0..<count] }
        write(index)
    }

    /// Passes on what was read from the socket `index`.
    private func write(_ index: Int) {
        let target = sockets[1 - index].number
        while !directions[index].pending.isEmpty {
            let count = directions[index].pending.withUnsafeBytes { coop_send_now(target, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                return loop.watch(target, events: Int16(POLLOUT)) { [weak self] _ in self?.write(index) }
            }
            guard count > 0 else { return close() }
            directions[index].pending.removeFirst(count)
        }
        loop.unwatch(target, events: Int16(POLLOUT))
        guard directions[index].hasEnded else { return watch(index) }
        if !directions[index].isShut {
            directions[index].isShut = true
            shutdown(target, Int32(SHUT_WR))
        }
        if directions.allSatisfy(\.isShut) { close() }
    }
}
