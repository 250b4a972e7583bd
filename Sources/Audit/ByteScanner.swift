/// Reads a text of a known form from the front.
struct ByteScanner {
    private let bytes: UnsafeRawBufferPointer
    /// How far it has come.
    private(set) var index = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }
    var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func take() -> UInt8? {
        guard index < bytes.count else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    /// Goes past this text if it comes next.
    mutating func skip(_ text: StaticString) -> Bool {
        skip(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func skip(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { skip(UnsafeRawBufferPointer($0)) }
    }

    private mutating func skip(_ text: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count - index >= text.count else { return false }
        for place in 0..<text.count where bytes[index + place] != text[place] { return false }
        index += text.count
        return true
    }

    /// A decimal number without leading zeros, of at most nineteen digits.
    mutating func number() -> UInt64? {
        let beginning = index
        var value: UInt64 = 0
        while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 {
            guard index - beginning < 19, index == beginning || value > 0 else { return nil }
            value = value * 10 + UInt64(bytes[index] - 0x30)
            index += 1
        }
        return index > beginning ? value : nil
    }

    mutating func code() -> MessageCode? {
        guard bytes.count - index >= MessageCode.digits,
            let code = MessageCode(hex: UnsafeRawBufferPointer(rebasing: bytes[index..<index + MessageCode.digits]))
        else { return nil }
        index += MessageCode.digits
        return code
    }

    /// The bytes that meet a condition, at most `limit`.
    mutating func text(limit: Int, where condition: (UInt8) -> Bool) -> String? {
        let beginning = index
        while index < bytes.count, condition(bytes[index]) {
            guard index - beginning < limit else { return nil }
            index += 1
        }
        return String(decoding: bytes[beginning..<index], as: UTF8.self)
    }

    /// The bytes between two places.
    func slice(_ range: Range<Int>) -> Slice<UnsafeRawBufferPointer> { bytes[range] }

    static func isHexDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x66 }
}
