import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel

extension Worker {
    /// Connections or datagrams that are taken from one listener before others have their turn.
    private static let batch = 64

    /// Takes what waits on a listener.
    func accept(_ index: Int) {
        guard index < listeners.count else { return }
        let listener = listeners[index]
        if listener.kind == .dns { return answerDatagrams(listener.socket) }
        for _ in 0..<Worker.batch {
            let number = coop_accept_nonblocking(listener.socket.number)
            if number < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS { suspend(index) }
                return
            }
            let socket = Descriptor(owning: number)
            guard connections.count < connectionLimit else {
                // Refused at once, so that the client need not wait for an answer that never comes.
                _ = coop_reset_on_close(socket.number)
                report(0, .limitReached, "more than \(connectionLimit) connections")
                continue
            }
            begin(socket, listener.kind)
        }
    }

    /// Out of descriptors: the listener is left alone until a connection has ended.
    private func suspend(_ index: Int) {
        events.remove(listeners[index].socket.number)
        listeners[index].isWatched = false
        report(0, .limitReached, "no descriptor for a further connection")
    }

    /// Watches the listeners again that `suspend` left alone.
    func resumeListeners() {
        guard isAccepting else { return }
        for index in listeners.indices where !listeners[index].isWatched {
            do {
                try events.add(listeners[index].socket.number, .readable, data: Worker.listenerMark + UInt64(index))
                listeners[index].isWatched = true
            } catch {
                // Out of memory in the kernel: tried again when the next connection ends.
                return
            }
        }
    }

    private func begin(_ socket: Descriptor, _ kind: ListenerKind) {
        _ = coop_no_delay(socket.number)
        lastID += 1
        let deadline = monotonicMilliseconds() + UInt64(limits.handshakeSeconds) * 1000
        let connection = ClientConnection(id: lastID, socket: socket, stage: .proxyChoice, via: .redirect, deadline: deadline)
        switch kind {
        case .proxy: connection.via = .connect
        case .dnsStream: connection.stage = .dns
        case .hostPort(let port):
            connection.via = .hostPort
            connection.destination = .address(IPv4Address(127, 0, 0, 1))
            connection.port = port
        case .redirect:
            guard findDestination(connection, socket) else {
                _ = coop_reset_on_close(socket.number)
                return
            }
        case .dns: return
        }
        connections[connection.id] = connection
        do {
            try events.add(socket.number, [.readable, .peerFinished, .onChange], data: connection.id)
        } catch {
            return close(connection, reset: true)
        }
        switch connection.stage {
        case .dns: advance(connection, .readable)
        case .proxyChoice where kind == .proxy: advance(connection, .readable)
        default: route(connection)
        }
    }

    /// Asks the kernel where a redirected connection was going. False when it was going nowhere that could be meant.
    private func findDestination(_ connection: ClientConnection, _ socket: Descriptor) -> Bool {
        var address: UInt32 = 0
        var port: UInt16 = 0
        var ownAddress: UInt32 = 0
        var ownPort: UInt16 = 0
        guard coop_original_destination(socket.number, &address, &port) == 0 else {
            report(0, .refused, "a connection to the gateway's own port")
            return false
        }
        guard coop_local_address(socket.number, &ownAddress, &ownPort) == 0, (address, port) != (ownAddress, ownPort), port != 0,
            address >> 24 != 127
        else {
            report(0, .refused, "a connection to the gateway's own port")
            return false
        }
        connection.port = port
        if port == 53 {
            connection.stage = .dns
            return true
        }
        let wanted = IPv4Address(address)
        if NameTable.isSynthetic(wanted) {
            guard let name = responder.table.name(of: wanted) else {
                report(0, .refused, "\(wanted):\(port) stands for no name")
                return false
            }
            connection.destination = .name(name)
        } else {
            connection.destination = .address(wanted)
        }
        return true
    }

    private func answerDatagrams(_ socket: Descriptor) {
        var query = [UInt8](repeating: 0, count: DNSQuestion.sizeLimit)
        for _ in 0..<Worker.batch {
            var peer = coop_datagram_peer()
            let count = query.withUnsafeMutableBytes { coop_datagram_receive(socket.number, $0.baseAddress, $0.count, &peer) }
            // An error report of an earlier answer (ICMP) is taken by reading it.
            if count < 0 {
                if errno == EAGAIN { return }
                continue
            }
            guard peer.port != 0, let answer = responder.answer(query[..<count]) else { continue }
            // A client that cannot take its answer asks again.
            _ = answer.withUnsafeBytes { coop_datagram_send(socket.number, $0.baseAddress, $0.count, &peer) }
        }
    }

    /// Answers the whole queries of a DNS connection (RFC 7766: length and message, several on one connection).
    func answerStream(_ connection: ClientConnection) {
        guard let socket = connection.socket else { return }
        for _ in 0..<Worker.batch {
            let count = recv(socket.number, buffer.baseAddress, 4096, Int32(MSG_DONTWAIT))
            if count < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { close(connection, reset: true) }
                return
            }
            if count == 0 { return close(connection, reset: false) }
            connection.partialQuery += UnsafeRawBufferPointer(rebasing: buffer[..<count])
            while connection.partialQuery.count >= 2 {
                let length = Int(connection.partialQuery[0]) << 8 | Int(connection.partialQuery[1])
                guard length >= 12, length <= DNSQuestion.sizeLimit else { return close(connection, reset: true) }
                guard connection.partialQuery.count >= 2 + length else { break }
                let answer = responder.answer(connection.partialQuery[2..<2 + length])
                connection.partialQuery.removeFirst(2 + length)
                guard let answer else { return close(connection, reset: true) }
                // A client that sends without reading is cut off.
                guard connection.answer([UInt8(answer.count >> 8), UInt8(answer.count & 0xFF)] + answer) else {
                    return close(connection, reset: true)
                }
                connection.deadline = monotonicMilliseconds() + UInt64(limits.handshakeSeconds) * 1000
            }
        }
        // More may wait, and the queue tells of a change only once.
        try? events.modify(socket.number, [.readable, .peerFinished, .onChange], data: connection.id)
    }
}
