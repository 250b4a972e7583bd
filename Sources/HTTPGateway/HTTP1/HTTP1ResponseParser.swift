import NIOCore
import NIOHTTP1

/// Turns the bytes of one response head into a response, or refuses it.
struct HTTP1ResponseParser {
    var limits: MessageLimits

    /// - Parameters:
    ///   - bytes: the head with its empty line.
    ///   - request: what it answers; the framing of a response depends on it (RFC 9112 §6.3).
    func parse(_ bytes: UnsafeRawBufferPointer, to request: RequestHead) throws -> IncomingResponse {
        let expected: StaticString = "HTTP/1."
        guard bytes.count >= 15 else { throw MessageError.malformed("a status line that is too short") }
        for index in 0..<7 where bytes[index] != expected.utf8Start[index] { throw MessageError.malformed("not an HTTP/1 response") }
        guard bytes[7] == 0x31 || bytes[7] == 0x30, bytes[8] == 0x20, let status = Self.status(bytes) else {
            throw MessageError.malformed("a malformed status line")
        }
        var end = 12
        while end < bytes.count, bytes[end] != 0x0D {
            if bytes[end] < 0x20 && bytes[end] != 0x09 || bytes[end] == 0x7F {
                throw MessageError.smuggling("a control character in the status line")
            }
            end += 1
        }
        guard end + 1 < bytes.count, bytes[end + 1] == 0x0A else { throw MessageError.smuggling("a CR without LF in the status line") }
        guard end == 12 || bytes[12] == 0x20 else { throw MessageError.malformed("a malformed status line") }
        let reason = end > 13 ? String(decoding: bytes[13..<end], as: UTF8.self) : ""
        var headers = try FieldParser(limits: limits).fields(UnsafeRawBufferPointer(rebasing: bytes[0..<(bytes.count - 2)]), from: end + 2)
        let framing = try HTTP1Framing(headers)
        let upgrade = headers[canonicalForm: "upgrade"]
        let options = try HopByHop.remove(from: &headers)
        let switches = status == 101 && options.upgrade && upgrade.count == 1 && FieldSyntax.equal(upgrade[0], "websocket")
        if status == 101, !(switches && request.kind == .webSocket) {
            throw MessageError.malformed("101 to a request that asked for no upgrade")
        }
        let isHTTP11 = bytes[7] == 0x31
        if framing.isChunked, !isHTTP11 { throw MessageError.smuggling("Transfer-Encoding in HTTP/1.0") }

        let body: BodyFraming
        if status < 200 || status == 204 || status == 304 || request.method == "HEAD" {
            body = .none
            // The length that a GET would have had is information for the client, not framing.
            if let length = framing.length, status == 304 || (request.method == "HEAD" && status >= 200 && status != 204) {
                headers.add(name: "Content-Length", value: String(length))
            }
        } else if framing.isChunked {
            body = .stream
        } else if let length = framing.length {
            body = .length(length)
        } else {
            body = .untilClose
        }
        return IncomingResponse(
            head: ResponseHead(status: status, reason: reason, headers: headers), framing: body,
            keepAlive: (isHTTP11 ? !options.close : options.keepAlive && !options.close) && body != .untilClose,
            switchesToWebSocket: switches)
    }

    private static func status(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var value = 0
        for index in 9..<12 {
            guard (0x30...0x39).contains(bytes[index]) else { return nil }
            value = value * 10 + Int(bytes[index] - 0x30)
        }
        return (100...599).contains(value) ? value : nil
    }
}
