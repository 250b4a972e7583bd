import NIOHPACK
import NIOHTTP1

/// Turns an HTTP/2 field block into a request, or refuses it (RFC 9113 §8.2 and §8.3).
struct HTTP2RequestParser {
    var connection: ConnectionInfo
    var limits: MessageLimits

    func parse(_ block: HPACKHeaders, ended: Bool, stream: Int) throws -> IncomingRequest {
        var pseudo = PseudoFields()
        var headers = HTTPHeaders()
        headers.reserveCapacity(block.count)
        var host: String?
        var cookie: String?
        var length: UInt64?
        var size = 0
        var acceptsTrailers = false
        var expects = false
        if block.count > limits.fields { throw MessageError.oversized("more than \(limits.fields) fields") }
        for field in block {
            size += field.name.utf8.count + field.value.utf8.count + 32
            if size > limits.head { throw MessageError.oversized("the head is larger than \(limits.head) bytes") }
            if field.value.utf8.count > limits.field, field.name != ":path" {
                throw MessageError.oversized("a field larger than \(limits.field) bytes")
            }
            guard FieldSyntax.isValue(field.value) else { throw MessageError.smuggling("a control character in a field value") }
            if field.name.utf8.first == 0x3A {
                guard headers.isEmpty, host == nil, cookie == nil else {
                    throw MessageError.smuggling("a pseudo-header field after a field")
                }
                try pseudo.set(field.name, field.value)
                continue
            }
            guard FieldSyntax.isToken(field.name), !field.name.utf8.contains(where: { (0x41...0x5A).contains($0) }) else {
                throw MessageError.smuggling("a field name that is not a lower-case token")
            }
            if field.value.utf8.first == 0x20 || field.value.utf8.last == 0x20 || field.value.utf8.first == 0x09
                || field.value.utf8.last == 0x09
            {
                throw MessageError.malformed("a field value with blanks around it")
            }
            switch field.name {
            case "host":
                if host != nil { throw MessageError.smuggling("more than one Host") }
                host = field.value
            case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings":
                throw MessageError.smuggling("the field \(field.name) in HTTP/2")
            case "te":
                guard field.value == "trailers" else { throw MessageError.smuggling("a TE other than trailers in HTTP/2") }
                acceptsTrailers = true
            case "content-length":
                guard length == nil, let value = FieldSyntax.length(field.value) else {
                    throw MessageError.smuggling("more than one Content-Length, or one that is not a number")
                }
                length = value
            case "expect":
                guard field.value == "100-continue", !expects else {
                    throw MessageError(kind: .malformed, status: 417, detail: "an Expect other than 100-continue")
                }
                expects = true
                headers.add(name: field.name, value: field.value)
            case "proxy-authorization", "proxy-authenticate", "trailer": break
            case "cookie":
                // Crumbs are one field elsewhere (RFC 9113 §8.2.3).
                cookie = cookie.map { $0 + "; " + field.value } ?? field.value
            default: headers.add(name: field.name, value: field.value)
            }
        }
        if let cookie { headers.add(name: "cookie", value: cookie) }
        if ended, let length, length != 0 { throw MessageError.smuggling("a Content-Length without a body") }
        var head = try head(pseudo, host: host, headers, stream: stream)
        head.contentLength = length
        return IncomingRequest(
            head: head,
            framing: ended && pseudo.method != "GET" && pseudo.method != "HEAD" && length == 0
                ? .length(0) : .http2(contentLength: length, ended: ended),
            keepAlive: true, acceptsTrailers: acceptsTrailers, expectsContinue: expects)
    }

    private func head(_ pseudo: PseudoFields, host: String?, _ headers: HTTPHeaders, stream: Int) throws -> RequestHead {
        guard let method = pseudo.method, FieldSyntax.isToken(method), method.utf8.count <= 32 else {
            throw MessageError.malformed("no valid :method")
        }
        if method == "CONNECT" {
            throw MessageError(kind: .smuggling, status: 403, detail: "CONNECT inside a connection that is inspected")
        }
        guard pseudo.scheme == connection.scheme else { throw MessageError.smuggling("a :scheme other than the connection's") }
        guard let path = pseudo.path, path.utf8.count <= limits.target else {
            throw MessageError(kind: .oversized, status: 414, detail: "a target of no or more than \(limits.target) bytes")
        }
        guard let written = pseudo.authority ?? host else { throw MessageError.smuggling("no :authority") }
        let authority = try RequestTarget.authority(written, for: connection)
        if let host, try RequestTarget.authority(host, for: connection) != authority {
            throw MessageError.smuggling(":authority and Host differ")
        }
        let isGRPC = headers["content-type"].contains { FieldSyntax.lowercased($0.prefix(16)) == "application/grpc" }
        return RequestHead(
            method: method, scheme: connection.scheme, authority: authority, path: try RequestTarget.normalised(path, method: method),
            headers: headers, version: .http2, kind: isGRPC ? .grpc : .ordinary, stream: stream)
    }

    private struct PseudoFields {
        var method: String?
        var scheme: String?
        var authority: String?
        var path: String?

        mutating func set(_ name: String, _ value: String) throws {
            switch name {
            case ":method" where method == nil: method = value
            case ":scheme" where scheme == nil: scheme = value
            case ":authority" where authority == nil: authority = value
            case ":path" where path == nil: path = value
            default: throw MessageError.smuggling("a pseudo-header field that is unknown or repeated")
            }
        }
    }
}
