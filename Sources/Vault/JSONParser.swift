/// Reads JSON (RFC 8259). Nothing else is accepted: no comments, no trailing commas, no broken UTF-8, no lone surrogates.
struct JSONParser {
    /// Why, and at which byte.
    struct Failure: Error, Equatable {
        var reason: String
        var offset: Int
    }

    static let depthLimit = 64

    private let bytes: [UInt8]
    private var place = 0
    private var depth = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value()
        parser.space()
        guard parser.place == bytes.count else { throw parser.failure("there is more after the value") }
        return value
    }

    private func failure(_ reason: String) -> Failure { Failure(reason: reason, offset: place) }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
    }

    private mutating func take(_ byte: Character) -> Bool {
        space()
        guard next == byte.asciiValue else { return false }
        place += 1
        return true
    }

    private mutating func value() throws(Failure) -> JSONValue {
        space()
        guard let first = next else { throw failure("the text ends where a value should be") }
        switch first {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(Failure) -> JSONValue {
        guard bytes[place...].starts(with: text.utf8) else { throw failure("this is not a value") }
        place += text.utf8.count
        return value
    }

    private mutating func nested<Result>(_ body: (inout JSONParser) throws(Failure) -> Result) throws(Failure) -> Result {
        depth += 1
        guard depth <= JSONParser.depthLimit else { throw failure("it is nested too deeply") }
        defer { depth -= 1 }
        return try body(&self)
    }

    private mutating func object() throws(Failure) -> JSONValue {
        try nested { (parser) throws(Failure) in
            parser.place += 1
            var members: [JSONValue.Member] = []
            if parser.take("}") { return .object(members) }
            repeat {
                parser.space()
                guard parser.next == UInt8(ascii: "\"") else { throw parser.failure("a name in quotes should be here") }
                let name = try parser.string()
                guard parser.take(":") else { throw parser.failure("a colon should be here") }
                members.append(JSONValue.Member(name, try parser.value()))
            } while parser.take(",")
            guard parser.take("}") else { throw parser.failure("a comma or } should be here") }
            return .object(members)
        }
    }

    private mutating func array() throws(Failure) -> JSONValue {
        try nested { (parser) throws(Failure) in
            parser.place += 1
            var elements: [JSONValue] = []
            if parser.take("]") { return .array(elements) }
            repeat { elements.append(try parser.value()) } while parser.take(",")
            guard parser.take("]") else { throw parser.failure("a comma or ] should be here") }
            return .array(elements)
        }
    }

    private mutating func digits() -> Int {
        let start = place
        while let byte = next, byte >= 0x30, byte <= 0x39 { place += 1 }
        return place - start
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = place
        if next == UInt8(ascii: "-") { place += 1 }
        let first = next
        let count = digits()
        guard count > 0 else { throw failure("this is not a value") }
        guard count == 1 || first != UInt8(ascii: "0") else { throw failure("a number may not begin with 0") }
        if next == UInt8(ascii: ".") {
            place += 1
            guard digits() > 0 else { throw failure("a digit should be here") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            place += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { place += 1 }
            guard digits() > 0 else { throw failure("a digit should be here") }
        }
        return .number(String(decoding: bytes[start..<place], as: UTF8.self))
    }

    private mutating func string() throws(Failure) -> String {
        place += 1
        var result: [UInt8] = []
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: result, as: UTF8.self) else { throw failure("the text is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0..<0x20: throw failure("a control character must be escaped")
            default: result.append(byte)
            }
        }
        throw failure("the text has no closing quote")
    }

    private mutating func escape(into result: inout [UInt8]) throws(Failure) {
        guard let byte = next else { throw failure("the text ends in an escape") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hex()
            if code >= 0xD800, code < 0xDC00 {
                guard bytes[place...].starts(with: "\\u".utf8) else { throw failure("half of a surrogate pair is missing") }
                place += 2
                let low = try hex()
                guard low >= 0xDC00, low < 0xE000 else { throw failure("half of a surrogate pair is missing") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair is missing") }
            result.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        default: throw failure("there is no such escape")
        }
    }

    private mutating func hex() throws(Failure) -> UInt32 {
        guard place + 4 <= bytes.count, bytes[place..<place + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }),
            let value = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits should be here") }
        place += 4
        return value
    }
}

extension JSONValue {
    /// - Throws: `JSONParser.Failure` never leaves this module as such: callers say which file or answer it was.
    /// Reads a whole document.
    ///
    /// - Returns: nil for what is not JSON, or is nested too deeply.
    public static func parsed(_ bytes: [UInt8]) -> JSONValue? { try? parse(bytes) }

    static func parse(_ bytes: [UInt8]) throws(JSONParser.Failure) -> JSONValue { try JSONParser.parse(bytes) }
}
