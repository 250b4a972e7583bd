import NIOCore
import NIOHTTP1

/// Writes heads and chunks. Every byte of framing on the wire is made here, afresh: none is copied from the other side.
enum HTTP1Writer {
    static func write(_ head: RequestHead, framing: BodyFraming, acceptsTrailers: Bool, into buffer: inout ByteBuffer) {
        buffer.writeString(head.method)
        buffer.writeStaticString(" ")
        buffer.writeString(head.path)
        buffer.writeStaticString(" HTTP/1.1\r\nHost: ")
        buffer.writeString(head.authority)
        buffer.writeStaticString("\r\n")
        write(head.headers, into: &buffer)
        if head.kind == .webSocket {
            buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n")
        } else if acceptsTrailers {
            buffer.writeStaticString("Connection: TE\r\nTE: trailers\r\n")
        }
        write(framing, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    /// - Parameter connection: `close`, `keep-alive`, `Upgrade`, or nil.
    static func write(_ head: ResponseHead, framing: BodyFraming, connection: StaticString?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(head.status))
        buffer.writeStaticString(" ")
        buffer.writeString(head.reason.isEmpty ? HTTPResponseStatus(statusCode: head.status).reasonPhrase : head.reason)
        buffer.writeStaticString("\r\n")
        write(head.headers, into: &buffer)
        if head.status == 101 { buffer.writeStaticString("Upgrade: websocket\r\n") }
        if let connection {
            buffer.writeStaticString("Connection: ")
            buffer.writeStaticString(connection)
            buffer.writeStaticString("\r\n")
        }
        write(framing, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    static func writeChunkSize(_ size: Int, into buffer: inout ByteBuffer) {
        buffer.writeString(String(size, radix: 16))
        buffer.writeStaticString("\r\n")
    }

    /// The last chunk and the trailers.
    static func writeLastChunk(_ trailers: HTTPHeaders?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("0\r\n")
        if let trailers { write(trailers, into: &buffer) }
        buffer.writeStaticString("\r\n")
    }

    private static func write(_ headers: HTTPHeaders, into buffer: inout ByteBuffer) {
        for field in headers {
            buffer.writeString(field.name)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
            buffer.writeStaticString("\r\n")
        }
    }

    private static func write(_ framing: BodyFraming, into buffer: inout ByteBuffer) {
        switch framing {
        case .none, .untilClose: break
        case .length(let length):
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        case .stream: buffer.writeStaticString("Transfer-Encoding: chunked\r\n")
        }
    }
}
