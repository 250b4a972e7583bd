/// A JSON value with the place where it starts, so that an error about its meaning can name the line.
///
/// This is RFC 8259 and no more: no comments, no trailing commas, no repeated keys.
struct JSONValue: Sendable {
    enum Content: Sendable {
        case null
        case bool(Bool)
        /// The number's own text; profiles hold unsigned 64-bit masks that no floating-point number can.
        case number(String)
        case string(String)
        case array([JSONValue])
        /// Members in the order of the file.
        case object([(key: JSONKey, value: JSONValue)])
    }

    var content: Content
    /// The offset of the value's first byte.
    var offset: Int
}

/// The name of a member and where it stands.
struct JSONKey: Sendable {
    var name: String
    var offset: Int
}

/// Why a text is not JSON, and at which byte.
struct JSONSyntaxError: Error {
    var offset: Int
    var reason: String
}

/// Reads one JSON text from bytes.
struct JSONParser {
    /// Deeper nesting is an attack on the stack, not a document.
    private static let depthLimit = 64

    private let bytes: [UInt8]
    private var at = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.at == bytes.count else { throw parser.failure("text after the end of the document") }
        return value
    }

    /// The line and column (in bytes), both from 1, of an offset.
    static func place(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
        var line = 1
        var start = 0
        for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
            line += 1
            start = index + 1
        }
        return (line, offset - start + 1)
    }

    private func failure(_ reason: String) -> JSONSyntaxError { JSONSyntaxError(offset: at, reason: reason) }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        skipSpace()
        guard depth < JSONParser.depthLimit else { throw failure("nested too deeply") }
        let start = at
        guard let byte = next else { throw failure("the document ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"): return JSONValue(content: .object(try members(depth: depth)), offset: start)
        case UInt8(ascii: "["): return JSONValue(content: .array(try elements(depth: depth)), offset: start)
        case UInt8(ascii: "\""): return JSONValue(content: .string(try string()), offset: start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONValue(content: .number(try number()), offset: start)
        default:
            for (word, content) in [("true", JSONValue.Content.bool(true)), ("false", .bool(false)), ("null", .null)]
            where bytes[at...].starts(with: word.utf8) {
                at += word.utf8.count
                return JSONValue(content: content, offset: start)
            }
            throw failure("a value is expected")
        }
    }

    private mutating func members(depth: Int) throws(JSONSyntaxError) -> [(key: JSONKey, value: JSONValue)] {
        at += 1
        var result: [(key: JSONKey, value: JSONValue)] = []
        var seen: Set<String> = []
        skipSpace()
        if take("}") { return result }
        while true {
            skipSpace()
            let start = at
            guard next == UInt8(ascii: "\"") else { throw failure("a key in quotes is expected") }
            let name = try string()
            guard seen.insert(name).inserted else { throw JSONSyntaxError(offset: start, reason: "the key is already set in this object") }
            skipSpace()
            guard take(":") else { throw failure("':' is expected after the key") }
            result.append((JSONKey(name: name, offset: start), try value(depth: depth + 1)))
            skipSpace()
            if take("}") { return result }
            guard take(",") else { throw failure("',' or '}' is expected") }
        }
    }

    private mutating func elements(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        at += 1
        var result: [JSONValue] = []
        skipSpace()
        if take("]") { return result }
        while true {
            result.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return result }
            guard take(",") else { throw failure("',' or ']' is expected") }
        }
    }

    private mutating func number() throws(JSONSyntaxError) -> String {
        let start = at
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = at
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        if at == start { throw failure("a digit is expected") }
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = at
        at += 1
        var result: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                guard let text = String(validating: result, as: UTF8.self) else {
                    throw JSONSyntaxError(offset: start, reason: "the string is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                at += 1
                result.append(contentsOf: Array(String(Character(try escape())).utf8))
            case 0..<0x20:
                throw failure("a control character must be escaped")
            default:
                result.append(byte)
                at += 1
            }
        }
        throw JSONSyntaxError(offset: start, reason: "the string does not end")
    }

    private mutating func escape() throws(JSONSyntaxError) -> Unicode.Scalar {
        for (letter, scalar) in [
            ("\"", "\""), ("\\", "\\"), ("/", "/"), ("b", "\u{8}"), ("f", "\u{C}"), ("n", "\n"), ("r", "\r"), ("t", "\t"),
        ] as [(Unicode.Scalar, Unicode.Scalar)] where take(letter) {
            return scalar
        }
        guard take("u") else { throw failure("an unknown escape") }
        var code = try hexadecimal()
        if code >= 0xD800, code < 0xDC00, take("\\"), take("u") {
            let low = try hexadecimal()
            guard low >= 0xDC00, low < 0xE000 else { throw failure("half of a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
        var result: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits are expected")
            }
            result = result << 4 | UInt32(digit)
            at += 1
        }
        return result
    }
}
