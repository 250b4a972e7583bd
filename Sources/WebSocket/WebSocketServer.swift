import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// Serves clients on a listening socket, with one loop. Messages are asked for when a client has room for them, so a slow client
/// takes neither memory nor time from the others.
public final class WebSocketServer {
    private struct Client {
        var socket: Descriptor
        var connection: WebSocketConnection
        var wantsMore = true
        var lastHeard: Int64
        /// Everything was said; what still comes is not read any more, only taken, so that the last words arrive: closing a socket
        /// with unread bytes resets the connection (tcp(7)).
        var isLeaving = false
    }

    /// So much waits for a client at most before it is asked for no more.
    private static let highWater = 256 << 10
    /// More clients than this are turned away.
    private static let mostClients = 512
    /// A client that says nothing for so long is asked whether it is there; after as long again it is given up. Milliseconds.
    private static let patience: Int64 = 30_000
    /// How long a client that was told goodbye may take to go. Milliseconds.
    private static let farewell: Int64 = 2000

    private let listener: Descriptor
    private let admission: WebSocketAdmission
    private let limit: Int
    private var clients: [Int32: Client] = [:]

    /// Called when a client is admitted; what it throws closes the connection with code 1008 and the reason.
    public var whenOpen: (_ client: Int32, _ request: WebSocketRequest) throws(CoopError) -> Void = { _, _ in }
    /// The next text for a client; nil when there is none now. An error ends the connection with code 1011.
    public var next: (_ client: Int32) throws(CoopError) -> [UInt8]? = { _ in nil }
    /// Asked when `next` has nothing for a client: whether there will never be more. The connection is then closed with code 1000.
    public var isDone: (_ client: Int32) -> Bool = { _ in false }
    public var whenReceived: (_ client: Int32, _ message: WebSocketMessage) -> Void = { _, _ in }
    public var whenClosed: (_ client: Int32) -> Void = { _ in }

    /// - Parameters:
    ///   - listener: a listening stream socket.
    ///   - limit: the longest message that a client may send, in bytes.
    public init(listener: Descriptor, admission: WebSocketAdmission, limit: Int = 64 << 10) {
        self.listener = listener
        self.admission = admission
        self.limit = limit
        _ = fcntl(listener.number, F_SETFL, O_NONBLOCK)
    }

    /// How many clients there are, admitted or not.
    public var clientCount: Int { clients.count }

    /// Serves until `isOver` says so, which is asked after every wake and once a second.
    ///
    /// - Parameter news: readable when clients may have something new to be sent; emptied by `next` being asked.
    public func run(news: Descriptor, drain: () throws -> Void, isOver: () -> Bool) throws {
        while !isOver() {
            var watched = [
                pollfd(fd: news.number, events: Int16(POLLIN), revents: 0), pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0),
            ]
            let order = clients.keys.sorted()
            // Whoever took everything at once gets the next part at once, after the others' turn.
            var isBusy = false
            for number in order {
                guard let client = clients[number] else { continue }
                var events: Int32 = 0
                if client.connection.isOpen, client.wantsMore, client.connection.output.isEmpty { isBusy = true }
                // Who does not take what it is told is not listened to either.
                if client.connection.output.count < WebSocketServer.highWater { events |= Int32(POLLIN) }
                if !client.connection.output.isEmpty { events |= Int32(POLLOUT) }
                watched.append(pollfd(fd: number, events: Int16(events), revents: 0))
            }
            try check("poll") { poll(&watched, nfds_t(watched.count), isBusy ? 0 : 1000) }
            if watched[0].revents != 0 {
                try drain()
                for number in order { clients[number]?.wantsMore = true }
            }
            for entry in watched.dropFirst(2) {
                if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive(entry.fd) }
            }
            if watched[1].revents != 0 { accept() }
            let now = WebSocketServer.now()
            for number in clients.keys.sorted() {
                expire(number, now)
                fill(number)
                send(number)
            }
        }
        for number in clients.keys {
            clients[number]?.connection.close(1001, "the server ends")
            send(number)
        }
    }

    private static func now() -> Int64 {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return Int64(value.tv_sec) * 1000 + Int64(value.tv_nsec) / 1_000_000
    }

    private func accept() {
        let number = coop_accept(listener.number)
        guard number >= 0 else { return }
        let socket = Descriptor(owning: number)
        guard clients.count < WebSocketServer.mostClients else { return }
        _ = fcntl(number, F_SETFL, O_NONBLOCK)
        clients[number] = Client(
            socket: socket, connection: WebSocketConnection(admission: admission, limit: limit), lastHeard: WebSocketServer.now())
    }

    private func receive(_ number: Int32) {
        guard var client = clients[number] else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(number, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            drop(number)
            return
        }
        if client.isLeaving { return }
        let wasOpen = client.connection.isOpen
        client.lastHeard = WebSocketServer.now()
        let messages = client.connection.receive(Array(buffer[..<count]))
        if !wasOpen, let request = client.connection.request, client.connection.isOpen {
            do { try whenOpen(number, request) } catch { client.connection.close(1008, error.message) }
        }
        clients[number] = client
        for message in messages { whenReceived(number, message) }
    }

    /// As much as there is and there is room for.
    private func fill(_ number: Int32) {
        guard var client = clients[number], client.connection.isOpen else { return }
        while client.wantsMore, client.connection.output.count < WebSocketServer.highWater {
            do {
                guard let text = try next(number) else {
                    client.wantsMore = false
                    break
                }
                client.connection.send(text: text)
            } catch {
                client.connection.close(1011, error.message)
                break
            }
        }
        if !client.wantsMore, isDone(number) { client.connection.close(1000, "there is no more") }
        clients[number] = client
    }

    private func send(_ number: Int32) {
        guard var client = clients[number] else { return }
        while !client.connection.output.isEmpty {
            let count = client.connection.output.withUnsafeBytes { Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            guard count > 0 else {
                drop(number)
                return
            }
            client.connection.sent(count)
            // Its answer to a ping comes behind everything that it has not read yet: who takes something is there.
            client.lastHeard = WebSocketServer.now()
        }
        if client.connection.isFinished, client.connection.output.isEmpty, !client.isLeaving {
            client.isLeaving = true
            client.lastHeard = WebSocketServer.now()
            shutdown(number, Int32(SHUT_WR))
        }
        clients[number] = client
    }

    private func expire(_ number: Int32, _ now: Int64) {
        guard var client = clients[number] else { return }
        let silence = now - client.lastHeard
        if client.isLeaving {
            if silence > WebSocketServer.farewell { drop(number) }
        } else if silence > 2 * WebSocketServer.patience || silence > WebSocketServer.patience && !client.connection.isOpen {
            drop(number)
        } else if silence > WebSocketServer.patience, !client.connection.awaitsPong {
            client.connection.ping()
            clients[number] = client
        }
    }

    private func drop(_ number: Int32) {
        guard let client = clients.removeValue(forKey: number) else { return }
        if client.connection.request != nil { whenClosed(number) }
    }
}
