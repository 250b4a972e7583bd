import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

extension Worker {
    /// The destination may be allowed, depending on what the client says.
    func proceed(_ id: ConnectionID) {
        guard let connection = connections[id], case .proceeding = connection.stage else { return }
        guard succeed(connection) else { return close(connection, reset: true) }
        // The time for the first bytes begins with the answer.
        awaitFirstBytes(connection)
    }

    /// Tells the client of a proxy that it may speak.
    private func succeed(_ connection: ClientConnection) -> Bool {
        guard connection.owesReply else { return true }
        connection.owesReply = false
        return connection.answer(
            connection.via == .socks ? SOCKSReader.Reply.succeeded.bytes : Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8))
    }

    func refuse(_ id: ConnectionID, _ denial: Denial) {
        guard let connection = connections[id] else { return }
        switch connection.stage {
        case .proceeding, .verdict, .upstream: break
        // Already on its way: a verdict that comes this late can only mean the end of it.
        case .relaying, .inspecting: return revoke(id)
        default: return close(connection, reset: true)
        }
        if connection.owesReply {
            return finish(
                connection, with: connection.via == .socks ? SOCKSReader.Reply.notAllowed.bytes : DenialPage.refusal(denial, head: []))
        }
        guard connection.spoken == .http, let (head, _) = connection.peek(buffer) else { return close(connection, reset: true) }
        finish(connection, with: DenialPage.refusal(denial, head: head))
    }

    func pass(_ id: ConnectionID) {
        guard let connection = connections[id], case .verdict = connection.stage else { return }
        connection.stage = .upstream
    }

    func inspect(_ id: ConnectionID) {
        guard let connection = connections[id], case .verdict = connection.stage else { return }
        guard let inspector, let destination = connection.destination else {
            return refuse(id, Denial(rule: "inspect", reason: "this sandbox has no authority to terminate connections with", next: ""))
        }
        switch connection.spoken {
        case .tls, .http, .http2: break
        // Nothing that could be inspected: what was not looked at must not go through.
        case .other, .silent, .awaited:
            return refuse(id, Denial(rule: "inspect", reason: "this is neither TLS nor HTTP", next: ""))
        }
        guard let socket = connection.socket else { return }
        events.remove(socket.number)
        connection.socket = nil
        connection.stage = .inspecting
        connection.deadline = .max
        let opening = Opening(destination: destination, port: connection.port, via: connection.via, protocol: connection.spoken)
        inspector.begin(id, socket: socket, opening: opening)
    }

    func connected(_ id: ConnectionID, _ attempt: AttemptID, _ upstream: Descriptor) {
        // The client may have gone meanwhile; the socket is then closed.
        guard let connection = connections[id] else { return }
        if case .inspecting = connection.stage { return inspector?.connected(id, attempt, socket: upstream) ?? () }
        guard case .upstream = connection.stage, let socket = connection.socket else { return }
        guard succeed(connection) else { return close(connection, reset: true) }
        events.remove(socket.number)
        connection.socket = nil
        connection.stage = .relaying
        connection.deadline = .max
        relay.start(id, client: socket, upstream: upstream)
    }

    func unreachable(_ id: ConnectionID, _ attempt: AttemptID, _ reason: Unreachable) {
        guard let connection = connections[id] else { return }
        if case .inspecting = connection.stage { return inspector?.unreachable(id, attempt, reason) ?? () }
        guard case .upstream = connection.stage else { return }
        if connection.owesReply, connection.via == .socks { return finish(connection, with: reason.reply.bytes) }
        guard connection.owesReply || connection.spoken == .http else { return close(connection, reset: true) }
        finish(connection, with: DenialPage.failure(status: "502 Bad Gateway", reason: "\(connection.place): \(reason.words)"))
    }

    func revoke(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        switch connection.stage {
        case .relaying: relay.stop(id)
        case .inspecting: inspector?.revoke(id)
        default: close(connection, reset: true)
        }
    }

    // MARK: - Ends

    /// A deadline has passed.
    func expire(_ connection: ClientConnection) {
        switch connection.stage {
        // Silence is an answer on ports where the client need not speak first.
        case .firstBytes(patient: false): ask(connection, .silent)
        case .draining: close(connection, reset: false)
        default: close(connection, reset: true)
        }
    }

    /// Says a last word to the client, and closes once it has said its own.
    func finish(_ connection: ClientConnection, with bytes: [UInt8]) {
        guard let socket = connection.socket, connection.answer(bytes), shutdown(socket.number, Int32(SHUT_WR)) == 0 else {
            return close(connection, reset: true)
        }
        connection.stage = .draining(left: Worker.drainLimit)
        connection.deadline = monotonicMilliseconds() + Worker.drainTime
        drain(connection)
    }

    /// Throws away what a refused client still sends.
    func drain(_ connection: ClientConnection) {
        guard case .draining(var left) = connection.stage, let socket = connection.socket else { return }
        while left > 0 {
            let count = recv(socket.number, buffer.baseAddress, min(buffer.count, left), Int32(MSG_DONTWAIT))
            if count > 0 {
                left -= count
                continue
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                connection.stage = .draining(left: left)
                return
            }
            break
        }
        close(connection, reset: left == 0)
    }

    /// Closes a connection that is still this thread's.
    func close(_ connection: ClientConnection, reset: Bool) {
        if case .closed = connection.stage { return }
        if reset, let socket = connection.socket { _ = coop_reset_on_close(socket.number) }
        // Closing also takes it out of the event queue.
        connection.socket = nil
        connection.stage = .closed
        connections[connection.id] = nil
        if connection.isOpened { outbox.send(.closed(connection.id, bytesIn: 0, bytesOut: 0)) }
        resumeListeners()
    }
}

extension Unreachable {
    /// In SOCKS5.
    fileprivate var reply: SOCKSReader.Reply {
        switch self {
        case .unknownName, .resolverFailed: .hostUnreachable
        case .refused: .refused
        case .timedOut: .timedOut
        case .noRoute: .networkUnreachable
        case .closedAddress: .notAllowed
        case .proxyFailed, .proxyCredentials, .exhausted: .failed
        case .proxyRefused: .refused
        }
    }
}
