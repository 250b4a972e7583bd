/// Reads the contents of a line: the one form that `EntryEncoder` writes, and nothing else. The bytes may be anybody's.
struct RecordParser {
    private var scanner: ByteScanner

    init(_ line: UnsafeRawBufferPointer) { scanner = ByteScanner(line) }

    mutating func entry(_ frame: LogLine) -> AuditEntry? {
        guard scanner.skip("{\"seq\":"), scanner.number() == frame.sequence, scanner.skip(",\"at\":"), let at = string(),
            let time = AuditTime(at), time.description == at, scanner.skip(",\"session\":"), let session = string(),
            scanner.skip(",\"type\":"), let type = string(), scanner.skip(",\"details\":{"), let details = details(),
            scanner.skip(",\"prev\":\""), scanner.code() != nil, scanner.skip("\",\"mac\":\""), scanner.code() != nil,
            scanner.skip("\"}"), scanner.isAtEnd
        else { return nil }
        return AuditEntry(AuditEntryType(rawValue: type), session: session, time: time, details: details)
    }

    /// After the opening brace, to the closing one.
    private mutating func details() -> [AuditDetail]? {
        var result: [AuditDetail] = []
        if scanner.skip("}") { return result }
        while true {
            guard let name = string(), scanner.skip(":"), let value = value() else { return nil }
            result.append(AuditDetail(name, value))
            if scanner.skip("}") { return result }
            guard scanner.skip(",") else { return nil }
        }
    }

    private mutating func value() -> AuditValue? {
        switch scanner.next {
        case UInt8(ascii: "\""): return string().map { .text($0) }
        case UInt8(ascii: "["): return list().map { .list($0) }
        case UInt8(ascii: "t"): return scanner.skip("true") ? .flag(true) : nil
        case UInt8(ascii: "f"): return scanner.skip("false") ? .flag(false) : nil
        default:
            let isNegative = scanner.skip("-")
            guard let number = scanner.number() else { return nil }
            if isNegative {
                return number > 0 && number <= UInt64(Int64.max) + 1 ? .integer(Int64(truncatingIfNeeded: 0 &- number)) : nil
            }
            return Int64(exactly: number).map { .integer($0) }
        }
    }

    private mutating func list() -> [String]? {
        guard scanner.skip("[") else { return nil }
        var result: [String] = []
        if scanner.skip("]") { return result }
        while true {
            guard let item = string() else { return nil }
            result.append(item)
            if scanner.skip("]") { return result }
            guard scanner.skip(",") else { return nil }
        }
    }

    /// A JSON string (RFC 8259, section 7).
    private mutating func string() -> String? {
        guard scanner.skip("\"") else { return nil }
        let beginning = scanner.index
        while let byte = scanner.next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { _ = scanner.take() }
        var bytes: [UInt8]?
        if scanner.next != UInt8(ascii: "\"") {
            var collected = Array(scanner.slice(beginning..<scanner.index))
            guard escaped(into: &collected) else { return nil }
            bytes = collected
        }
        let end = scanner.index
        guard scanner.skip("\"") else { return nil }
        // Nothing of it is repaired: what is not UTF-8 was not written by coop.
        if let bytes { return String(validating: bytes, as: UTF8.self) }
        return String(validating: scanner.slice(beginning..<end), as: UTF8.self)
    }

    /// The rest of a string from its first escape on, to its closing quotation mark.
    private mutating func escaped(into bytes: inout [UInt8]) -> Bool {
        while let byte = scanner.next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { return false }
            _ = scanner.take()
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch scanner.take() {
            case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = escapedScalar(), let encoded = UTF8.encode(scalar) else { return false }
                bytes.append(contentsOf: encoded)
            default: return false
            }
        }
        return true
    }

    private mutating func escapedScalar() -> Unicode.Scalar? {
        guard let first = unit() else { return nil }
        guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) }
        guard scanner.skip("\\u"), let second = unit(), second & 0xFC00 == 0xDC00 else { return nil }
        return Unicode.Scalar(0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF))
    }

    private mutating func unit() -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = scanner.take(), ByteScanner.isHexDigit(digit) else { return nil }
            value = value << 4 | UInt32(digit <= 0x39 ? digit - 0x30 : digit - 0x57)
        }
        return value
    }
}
