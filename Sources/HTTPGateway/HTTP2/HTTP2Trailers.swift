import NIOHPACK
import NIOHTTP1

/// Trailers over HTTP/2.
enum HTTP2Trailers {
    static func parse(_ block: HPACKHeaders, limits: MessageLimits) throws -> HTTPHeaders? {
        if block.count > limits.fields { throw MessageError.oversized("more than \(limits.fields) trailers") }
        var headers = HTTPHeaders()
        for field in block {
            guard FieldSyntax.isToken(field.name), FieldSyntax.isValue(field.value), !HopByHop.isForbiddenInTrailers(field.name) else {
                throw MessageError.smuggling("a trailer that is malformed or belongs in the head")
            }
            headers.add(name: field.name, value: field.value)
        }
        return headers.isEmpty ? nil : headers
    }

    static func block(_ headers: HTTPHeaders) -> HPACKHeaders {
        var block = HPACKHeaders()
        for field in headers { block.add(name: FieldSyntax.lowercased(field.name), value: field.value) }
        return block
    }
}
