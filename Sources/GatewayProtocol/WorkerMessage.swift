/// What the worker says to the supervisor, which takes every byte of it for hostile.
public enum WorkerMessage: Equatable, Sendable {
    /// The worker is confined and can read the sandbox's bytes; with its protocol version.
    case ready(version: UInt16)
    /// A connection waits for `deny`, `pass`, `inspect` or `raw`; or for `deny` or `proceed` (`ApplicationProtocol.awaited`).
    case open(ConnectionID, Opening)
    /// An inspected connection needs an upstream connection, after its first allowed request.
    case dial(ConnectionID, AttemptID)
    /// A request waits for `allowRequest`, `denyRequest` or `collect`.
    case request(ConnectionID, StreamID, RequestHead)
    /// The whole body of a request for which the supervisor said `collect`; the request waits for `respond`.
    case body(ConnectionID, StreamID, [UInt8])
    /// A host has answered a request with 401 although this value of the grant's credential was in it. The same head waits once more for
    /// `allowRequest`, with another value, or for `denyRequest`: then the answer stands.
    case rejected(ConnectionID, StreamID, RequestHead, grant: String, revision: UInt64)
    /// The client of a request that waits has given it up, and its connection goes on: nobody needs the answer any more.
    case abandoned(ConnectionID, StreamID)
    /// The answer to coop's own request, or why there is none.
    case fetched(WholeResponse)
    case notFetched(reason: String)
    /// A connection that was opened has ended, whatever became of it; said exactly once. Bytes that went to the sandbox, and bytes that came from it.
    case closed(ConnectionID, bytesIn: UInt64, bytesOut: UInt64)
    /// Something was stopped. The connection is 0 where there is none, and may be one that was stopped before it was opened.
    case incident(ConnectionID, IncidentKind, detail: String)
}

extension WorkerMessage: WireMessage {
    public static var sizeLimit: Int { ProtocolLimit.workerMessage }

    public func encoded(descriptors: Int) -> [UInt8] {
        var writer = WireWriter()
        writer.write(UInt32(0))
        writer.write(type)
        writer.write(UInt8(clamping: descriptors))
        switch self {
        case .ready(let version): writer.write(version)
        case .open(let id, let opening):
            writer.write(id)
            opening.encode(to: &writer)
        case .dial(let id, let attempt):
            writer.write(id)
            writer.write(attempt)
        case .request(let id, let stream, let head):
            writer.write(id)
            writer.write(stream)
            head.encode(to: &writer)
        case .body(let id, let stream, let bytes):
            writer.write(id)
            writer.write(stream)
            writer.write(bytes)
        case .rejected(let id, let stream, let head, let grant, let revision):
            writer.write(id)
            writer.write(stream)
            head.encode(to: &writer)
            writer.write(clipped: grant)
            writer.write(revision)
        case .abandoned(let id, let stream):
            writer.write(id)
            writer.write(stream)
        case .fetched(let response): response.encode(to: &writer)
        case .notFetched(let reason): writer.write(clipped: reason)
        case .closed(let id, let bytesIn, let bytesOut):
            writer.write(id)
            writer.write(bytesIn)
            writer.write(bytesOut)
        case .incident(let id, let kind, let detail):
            writer.write(id)
            writer.write(kind.rawValue)
            writer.write(clipped: detail)
        }
        return writer.finishMessage()
    }

    private var type: UInt8 {
        switch self {
        case .ready: 1
        case .open: 2
        case .dial: 3
        case .request: 4
        case .closed: 5
        case .incident: 6
        case .body: 7
        case .fetched: 8
        case .notFetched: 9
        case .rejected: 10
        case .abandoned: 11
        }
    }

    public static func decode(_ body: [UInt8]) throws(WireError) -> (frame: WorkerMessage, descriptors: Int) {
        var reader = WireReader(body)
        let type = try reader.read(UInt8.self)
        guard try reader.read(UInt8.self) == 0 else { throw WireError("the worker has no descriptors to give") }
        let message: WorkerMessage
        switch type {
        case 1: message = .ready(version: try reader.read())
        case 2: message = .open(try reader.read(), try Opening(from: &reader))
        case 3: message = .dial(try reader.read(), try reader.read())
        case 4: message = .request(try reader.read(), try reader.read(), try RequestHead(from: &reader))
        case 5: message = .closed(try reader.read(), bytesIn: try reader.read(), bytesOut: try reader.read())
        case 6: message = .incident(try reader.read(), try reader.readCase(), detail: try reader.readString(limit: ProtocolLimit.text))
        case 7: message = .body(try reader.read(), try reader.read(), try reader.readBytes(limit: ProtocolLimit.requestBody))
        case 8: message = .fetched(try WholeResponse(from: &reader))
        case 9: message = .notFetched(reason: try reader.readString(limit: ProtocolLimit.text))
        case 10:
            message = .rejected(
                try reader.read(), try reader.read(), try RequestHead(from: &reader),
                grant: try reader.readString(limit: ProtocolLimit.text), revision: try reader.read())
        case 11: message = .abandoned(try reader.read(), try reader.read())
        default: throw WireError("unknown message \(type)")
        }
        guard reader.isAtEnd else { throw WireError("bytes after the end of a message") }
        return (message, 0)
    }
}
