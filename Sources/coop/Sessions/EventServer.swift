import CLinux
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sessions
import WebSocket

/// Sends a session's events to the clients of a server: to each from its own cursor, everything once and in order, however slowly it reads.
final class EventServer {
    private struct Client {
        /// The number of the last event that it was sent.
        var cursor: UInt64
        var waiting: ArraySlice<Event> = []
    }

    /// How long it waits for a first subscriber after the session's end. Milliseconds.
    private static let grace: Int64 = 30_000

    private let session: StoredSession
    private let server: WebSocketServer
    private let first: UInt64
    private let events: SessionEvents
    private var reader: EventReader?
    private var recent = RecentEvents()
    private var clients: [Int32: Client] = [:]
    private var hasServed = false
    /// The number of the last event, once nothing will follow it, and when that became clear.
    private var end: (last: UInt64, time: Int64)?
    /// The number of the last event that is known.
    private var last: UInt64
    private var failure: (any Error)?

    /// - Parameter first: the number of the event that a client begins with, if it does not say another.
    init(_ session: StoredSession, from first: UInt64, server: WebSocketServer, context: Context) throws(CoopError) {
        self.session = session
        self.server = server
        self.first = first
        do { reader = try EventReader(directory: session.directory) } catch {
            guard error.code == .notReady else { throw error }
        }
        last = if let reader { try reader.last() } else { 0 }
        events = try SessionEvents(session, after: last, context: context)
    }

    /// Serves until the session is over and everybody has everything, or until a signal asks for the end.
    func run() throws {
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in [SIGINT, SIGTERM] { sigaddset(&mask, signal) }
        sigprocmask(SIG_BLOCK, &mask, nil)
        let signals = Descriptor(owning: try check("signalfd") { coop_signalfd(&mask) })
        let news = Descriptor(owning: try check("epoll_create1") { coop_epoll_create() })
        for number in [signals.number, events.descriptor.number] {
            try check("epoll_ctl") { coop_epoll_control(news.number, Int32(COOP_EPOLL_ADD), number, UInt32(COOP_EPOLLIN), UInt64(number)) }
        }
        server.whenOpen = { [unowned self] client, request throws(CoopError) in try open(client, request) }
        server.next = { [unowned self] client throws(CoopError) in try next(client) }
        server.isDone = { [unowned self] client in isDone(client) }
        server.whenClosed = { [unowned self] client in clients[client] = nil }
        try server.run(news: news, drain: { [unowned self] in try drain() }, isOver: { [unowned self] in isOver(signals) })
        if let failure { throw failure }
    }

    private func open(_ client: Int32, _ request: WebSocketRequest) throws(CoopError) {
        var start = first
        if let text = request.query["from"] {
            guard let number = UInt64(text), number > 0 else {
                throw CoopError(.usage, "cannot begin", "events are numbered from 1", next: "coop subscribe --help")
            }
            start = number
        }
        clients[client] = Client(cursor: start - 1)
        hasServed = true
    }

    private func next(_ client: Int32) throws(CoopError) -> [UInt8]? {
        guard var state = clients[client] else { return nil }
        defer { clients[client] = state }
        if state.waiting.isEmpty, let line = recent.next(after: state.cursor) {
            state.cursor += 1
            return line
        }
        // What is not known to be on the disk is not looked for: a client that has everything costs nothing.
        if state.waiting.isEmpty, state.cursor < last {
            let open: EventReader
            if let reader { open = reader } else { open = try EventReader(directory: session.directory) }
            reader = open
            state.waiting = try open.events(after: state.cursor, limit: 128)[...]
        }
        guard let event = state.waiting.popFirst() else { return nil }
        state.cursor = event.sequence
        return event.json
    }

    private func isDone(_ client: Int32) -> Bool {
        guard let end, let state = clients[client] else { return false }
        return state.cursor >= end.last && state.waiting.isEmpty
    }

    private func drain() throws {
        while true {
            let new = try events.available()
            if new.isEmpty { break }
            for event in new { recent.append(event) }
            last = new.last?.sequence ?? last
        }
        try lookForEnd()
    }

    private func lookForEnd() throws {
        guard end == nil, try events.isOver() else { return }
        for event in try events.available(limit: .max) {
            recent.append(event)
            last = event.sequence
        }
        end = (last, SessionEvents.now())
    }

    private func isOver(_ signals: Descriptor) -> Bool {
        var watched = pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0)
        if poll(&watched, 1, 0) > 0 { return true }
        do { try lookForEnd() } catch {
            failure = error
            return true
        }
        guard let end, server.clientCount == 0 else { return false }
        return hasServed || SessionEvents.now() - end.time > EventServer.grace
    }
}
