import CLinux
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import WebSocket

/// Serves a log to WebSocket clients, for tests of the two together: `?from=SEQ` says where a client begins. A message `echo …` is not
/// part of the log; it ends the server when it says `end`.
struct EventLogServer {
    let directory: String

    func run() throws {
        let listener = Descriptor(owning: try check("socket") { coop_loopback_socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0, 0) })
        var family: Int32 = 0
        var type: Int32 = 0
        var listens: Int32 = 0
        var port: UInt16 = 0
        try check("getsockname") { coop_describe_socket(listener.number, &family, &type, &listens, &port) }
        let server = WebSocketServer(listener: listener, admission: .loopback(port: port, token: "secret"))
        let follower = try EventFollower(directory: directory, after: .max)
        var readers: [Int32: (reader: EventReader, cursor: UInt64, waiting: ArraySlice<Event>)] = [:]
        var isOver = false
        server.whenOpen = { client, request throws(CoopError) in
            let from = request.query["from"].flatMap(UInt64.init) ?? 1
            guard from > 0 else { throw CoopError(.usage, "cannot begin", "events are numbered from 1") }
            readers[client] = (try EventReader(directory: directory), from - 1, [])
        }
        server.next = { client throws(CoopError) in
            guard var state = readers[client] else { return nil }
            if state.waiting.isEmpty { state.waiting = try state.reader.events(after: state.cursor)[...] }
            guard let event = state.waiting.popFirst() else { return nil }
            state.cursor = event.sequence
            readers[client] = state
            return event.json
        }
        server.whenReceived = { _, message in isOver = isOver || message == .text(Array("end".utf8)) }
        server.whenClosed = { readers[$0] = nil }
        let text = Array("\(port)\n".utf8)
        _ = write(1, text, text.count)
        try server.run(news: follower.descriptor, drain: { _ = try follower.next() }, isOver: { isOver })
    }
}
