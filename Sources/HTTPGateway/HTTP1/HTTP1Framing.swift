import NIOHTTP1

/// The framing fields of an HTTP/1 message (RFC 9112 §6), read so strictly that no other reader can differ.
struct HTTP1Framing {
    /// The one Content-Length, or nil.
    var length: UInt64?
    var isChunked = false

    init(_ headers: HTTPHeaders) throws {
        var codings = 0
        for field in headers {
            if FieldSyntax.equal(field.name, "content-length") {
                guard length == nil else { throw MessageError.smuggling("more than one Content-Length") }
                guard let value = FieldSyntax.length(field.value) else {
                    throw MessageError.smuggling("a Content-Length that is not a number")
                }
                length = value
            } else if FieldSyntax.equal(field.name, "transfer-encoding") {
                codings += 1
                guard FieldSyntax.equal(field.value, "chunked") else {
                    throw MessageError.smuggling("a Transfer-Encoding other than chunked")
                }
                isChunked = true
            }
        }
        if codings > 1 { throw MessageError.smuggling("more than one Transfer-Encoding") }
        if isChunked, length != nil { throw MessageError.smuggling("both Content-Length and Transfer-Encoding") }
    }
}
