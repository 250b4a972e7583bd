import NIOHTTP1

/// The character rules of RFC 9110 §5.
enum FieldSyntax {
    /// Indexed by byte: 1 for the characters of a token (RFC 9110 §5.6.2).
    static let token: [Bool] = {
        var table = [Bool](repeating: false, count: 256)
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") { table[Int(byte)] = true }
        for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { table[Int(byte)] = true }
        for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { table[Int(byte)] = true }
        for byte in "!#$%&'*+-.^_`|~".utf8 { table[Int(byte)] = true }
        return table
    }()

    static func isToken(_ text: some StringProtocol) -> Bool { !text.isEmpty && text.utf8.allSatisfy { token[Int($0)] } }

    /// A value without control characters: no CR, LF, NUL; HTAB is allowed.
    static func isValue(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 } }
    }

    /// A decimal number of at most 18 digits and nothing else; a sign, a blank or a list is not a length.
    static func length(_ text: some StringProtocol) -> UInt64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text)
    }

    /// ASCII letters in lower case; other bytes as they are.
    static func lowercased(_ text: some StringProtocol) -> String {
        if text.utf8.allSatisfy({ !(0x41...0x5A).contains($0) }) { return String(text) }
        return String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Whether two texts are equal but for the case of ASCII letters.
    static func equal(_ left: some StringProtocol, _ right: StaticString) -> Bool {
        guard left.utf8.count == right.utf8CodeUnitCount else { return false }
        var position = right.utf8Start
        for byte in left.utf8 {
            let other = position.pointee
            if byte != other, !((0x61...0x7A).contains(byte | 0x20) && (byte | 0x20) == (other | 0x20)) { return false }
            position += 1
        }
        return true
    }

    /// The members of a comma-separated list, trimmed.
    static func members(_ value: String) -> [Substring] {
        value.split(separator: ",").map { member in
            var member = member
            while let first = member.utf8.first, first == 0x20 || first == 0x09 { member.removeFirst() }
            while let last = member.utf8.last, last == 0x20 || last == 0x09 { member.removeLast() }
            return member
        }
    }

    static func areValid(_ headers: HTTPHeaders) -> Bool {
        headers.allSatisfy { isToken($0.name) && isValue($0.value) }
    }
}
