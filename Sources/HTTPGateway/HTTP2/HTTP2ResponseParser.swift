import NIOHPACK
import NIOHTTP1

/// Turns an HTTP/2 field block into a response's head, or refuses it.
struct HTTP2ResponseParser {
    var limits: MessageLimits

    func parse(_ block: HPACKHeaders, ended: Bool, to request: RequestHead) throws -> IncomingResponse {
        if block.count > limits.fields { throw MessageError.oversized("more than \(limits.fields) fields") }
        var status: Int?
        var headers = HTTPHeaders()
        headers.reserveCapacity(block.count)
        var length: UInt64?
        var size = 0
        for field in block {
            size += field.name.utf8.count + field.value.utf8.count + 32
            if size > limits.head || field.value.utf8.count > limits.field { throw MessageError.oversized("the head is too large") }
            if field.name == ":status" {
                guard status == nil, field.value.utf8.count == 3, let value = FieldSyntax.length(field.value) else {
                    throw MessageError.malformed("a malformed :status")
                }
                status = Int(value)
                continue
            }
            guard FieldSyntax.isToken(field.name), FieldSyntax.isValue(field.value) else {
                throw MessageError.smuggling("a malformed field")
            }
            if FieldSyntax.equal(field.name, "content-length") {
                guard length == nil, let value = FieldSyntax.length(field.value) else {
                    throw MessageError.smuggling("more than one Content-Length, or one that is not a number")
                }
                length = value
                continue
            }
            headers.add(name: field.name, value: field.value)
        }
        guard let status, (100...599).contains(status), status != 101 else { throw MessageError.malformed("no valid :status") }
        _ = try HopByHop.remove(from: &headers)
        let isBodiless = status < 200 || status == 204 || status == 304 || request.method == "HEAD"
        if isBodiless, let length, status == 304 || (request.method == "HEAD" && status >= 200 && status != 204) {
            headers.add(name: "content-length", value: String(length))
        }
        if !isBodiless, ended, let length, length != 0 { throw MessageError.smuggling("a Content-Length without a body") }
        return IncomingResponse(
            head: ResponseHead(status: status, headers: headers),
            framing: isBodiless ? .none : .http2(contentLength: length, ended: ended), keepAlive: true,
            switchesToWebSocket: false)
    }
}
