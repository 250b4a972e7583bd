import NIOHTTP1

/// Strict parsing of field lines (RFC 9112 §5): no folding, no blank before the colon, no control characters.
struct FieldParser {
    var limits: MessageLimits

    /// The fields between `start` and the end of `bytes`, each line ending in CRLF.
    func fields(_ bytes: UnsafeRawBufferPointer, from start: Int) throws -> HTTPHeaders {
        var headers = HTTPHeaders()
        var position = start
        var count = 0
        while position < bytes.count {
            var end = position
            while end < bytes.count, bytes[end] != 0x0D { end += 1 }
            guard end + 1 < bytes.count, bytes[end + 1] == 0x0A else { throw MessageError.smuggling("a CR without LF in a field") }
            count += 1
            if count > limits.fields { throw MessageError.oversized("more than \(limits.fields) fields") }
            try field(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), into: &headers)
            position = end + 2
        }
        return headers
    }

    private func field(_ line: UnsafeRawBufferPointer, into headers: inout HTTPHeaders) throws {
        guard let first = line.first else { throw MessageError.malformed("an empty field line") }
        if first == 0x20 || first == 0x09 { throw MessageError.smuggling("a folded field") }
        var colon = 0
        while colon < line.count, FieldSyntax.token[Int(line[colon])] { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == 0x3A else { throw MessageError.malformed("a field name that is not a token") }
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
        while end > start, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        if end - start > limits.field { throw MessageError.oversized("a field larger than \(limits.field) bytes") }
        for index in start..<end where (line[index] < 0x20 && line[index] != 0x09) || line[index] == 0x7F {
            throw MessageError.smuggling("a control character in a field value")
        }
        let name = String(decoding: line[0..<colon], as: UTF8.self)
        let value = line[start..<end]
        headers.add(name: name, value: String(validating: value, as: UTF8.self) ?? Self.latin1(value))
    }

    /// Bytes that are not UTF-8 are read as ISO 8859-1, which is what HTTP once meant by them (RFC 9110 §5.5).
    private static func latin1(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        var text = ""
        for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        return text
    }
}
