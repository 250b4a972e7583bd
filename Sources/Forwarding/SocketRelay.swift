import CLinux
import Glibc
import LinuxKernel
import Sandbox

/// Joins connections of a sandbox to a socket of the host, byte for byte. What the host's end can do, the sandbox can do.
///
/// The host's socket is not shown itself: with subordinate ids the command has none of the user's further groups, by which such a socket is
/// often reached, and a relay ends with the sandbox.
public final class SocketRelay {
    private static let connectionLimit = 128

    private let listener: Descriptor
    private let host: String
    private let loop: EventLoop
    private var joined: [ObjectIdentifier: JoinedSockets] = [:]
    /// Called before a connection is made; what throws refuses it.
    public var opening: () throws -> Void = {}
    /// Called once, with the first reason why `opening` refused one.
    public var refused: (any Error) -> Void = { _ in }
    private var isRefusalSaid = false

    /// - Parameters:
    ///   - listener: the socket that the sandbox connects to.
    ///   - host: the path of the host's socket.
    public init(listener: Descriptor, host: String, loop: EventLoop) {
        self.listener = listener
        self.host = host
        self.loop = loop
        loop.watch(listener.number) { [unowned self] _ in self.accept() }
    }

    /// Takes no more connections and ends those that are open.
    public func stop() {
        loop.unwatch(listener.number)
        for pair in joined.values { pair.close() }
        joined = [:]
    }

    private func accept() {
        guard let inside = UserConnection.accept(listener), joined.count < SocketRelay.connectionLimit else { return }
        do { try opening() } catch {
            if !isRefusalSaid { refused(error) }
            isRefusalSaid = true
            return
        }
        let connected = host.withOSBytes { coop_unix_socket($0, 0) }
        guard connected >= 0 else { return }
        _ = fcntl(connected, F_SETFL, O_NONBLOCK)
        let pair = JoinedSockets(inside, Descriptor(owning: connected), loop: loop)
        joined[ObjectIdentifier(pair)] = pair
        pair.closed = { [unowned self, unowned pair] in self.joined[ObjectIdentifier(pair)] = nil }
        pair.start()
    }
}
