import NIOCore
import NIOHTTP1

/// Turns the bytes of one request head into a request, or refuses it.
struct HTTP1RequestParser {
    var connection: ConnectionInfo
    var limits: MessageLimits

    /// - Parameter bytes: the head with its empty line.
    func parse(_ bytes: UnsafeRawBufferPointer, stream: Int) throws -> IncomingRequest {
        var position = 0
        while position < bytes.count, FieldSyntax.token[Int(bytes[position])] { position += 1 }
        guard position > 0, position <= 32, position < bytes.count, bytes[position] == 0x20 else {
            throw MessageError.malformed("a method that is not a token")
        }
        let method = String(decoding: bytes[0..<position], as: UTF8.self)
        let targetStart = position + 1
        position = targetStart
        while position < bytes.count, bytes[position] > 0x20 { position += 1 }
        guard position > targetStart, position - targetStart <= limits.target else {
            throw MessageError(kind: .oversized, status: 414, detail: "a target of no or more than \(limits.target) bytes")
        }
        let target = String(decoding: bytes[targetStart..<position], as: UTF8.self)
        let version = try Self.version(bytes, at: position)
        let lineEnd = position + 11
        var headers = try FieldParser(limits: limits).fields(UnsafeRawBufferPointer(rebasing: bytes[0..<(bytes.count - 2)]), from: lineEnd)

        let framing = try HTTP1Framing(headers)
        if framing.isChunked, version == .http10 { throw MessageError.smuggling("Transfer-Encoding in HTTP/1.0") }
        let authority = try Self.host(headers)
        let (written, path) = try split(target, method: method)
        guard let host = authority ?? (version == .http10 ? written ?? connection.authority : nil) else {
            throw MessageError.smuggling("no Host")
        }
        let checked = try RequestTarget.authority(host, for: connection)
        if let written, try RequestTarget.authority(written, for: connection) != checked {
            throw MessageError.smuggling("the target and Host differ")
        }
        let upgrade = headers[canonicalForm: "upgrade"]
        let expect = headers["expect"]
        guard expect.isEmpty || (expect.count == 1 && FieldSyntax.equal(expect[0], "100-continue")) else {
            throw MessageError(kind: .malformed, status: 417, detail: "an Expect other than 100-continue")
        }
        let options = try HopByHop.remove(from: &headers)
        headers.remove(name: "host")
        let body: BodyFraming = framing.isChunked ? .stream : framing.length.map { $0 == 0 ? .none : .length($0) } ?? .none
        let isWebSocket =
            options.upgrade && upgrade.count == 1 && FieldSyntax.equal(upgrade[0], "websocket") && method == "GET" && version == .http11
            && body == .none
        var head = RequestHead(
            method: method, scheme: connection.scheme, authority: checked, path: path, headers: headers, version: version,
            kind: isWebSocket ? .webSocket : .ordinary, stream: stream)
        head.contentLength = framing.length
        return IncomingRequest(
            head: head, framing: framing.length == 0 && method != "GET" && method != "HEAD" ? .length(0) : body,
            keepAlive: version == .http11 ? !options.close : options.keepAlive && !options.close,
            acceptsTrailers: options.acceptsTrailers, expectsContinue: !expect.isEmpty && version == .http11)
    }

    /// ` HTTP/1.x` and CRLF at `position`.
    private static func version(_ bytes: UnsafeRawBufferPointer, at position: Int) throws -> RequestHead.Version {
        let expected: StaticString = " HTTP/1."
        guard position + 11 <= bytes.count else { throw MessageError.malformed("a request line without a version") }
        for index in 0..<8 where bytes[position + index] != expected.utf8Start[index] {
            throw MessageError.malformed("a request line without a version")
        }
        guard bytes[position + 9] == 0x0D, bytes[position + 10] == 0x0A else {
            throw MessageError.malformed("a request line with more than three parts")
        }
        switch bytes[position + 8] {
        case 0x31: return .http11
        case 0x30: return .http10
        default: throw MessageError(kind: .malformed, status: 505, detail: "an HTTP version that does not exist")
        }
    }

    private static func host(_ headers: HTTPHeaders) throws -> String? {
        var host: String?
        for field in headers where FieldSyntax.equal(field.name, "host") {
            if host != nil { throw MessageError.smuggling("more than one Host") }
            host = field.value
        }
        return host
    }

    /// The authority of an absolute-form target, when it is one, and the path.
    private func split(_ target: String, method: String) throws -> (authority: String?, path: String) {
        if method == "CONNECT" {
            throw MessageError(kind: .smuggling, status: 403, detail: "CONNECT inside a connection that is inspected")
        }
        if target.utf8.first == 0x2F || target == "*" { return (nil, try RequestTarget.normalised(target, method: method)) }
        guard let colon = target.firstIndex(of: ":"), FieldSyntax.lowercased(target[..<colon]) == connection.scheme,
            target[colon...].hasPrefix("://")
        else { throw MessageError.smuggling("a target of another scheme or form") }
        let rest = target[target.index(colon, offsetBy: 3)...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let path = String(rest[end...])
        return (String(rest[..<end]), try RequestTarget.normalised(path.utf8.first == 0x2F ? path : "/" + path, method: method))
    }
}
