/// JSON as bytes (RFC 8259), for what is written fifty thousand times a second.
enum JSONBytes {
    /// Appends a quoted string. Bytes that are not UTF-8 become U+FFFD, so that the line is JSON whatever came in.
    static func append(quoted text: some Collection<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if text.withContiguousStorageIfAvailable({ append(escaped: $0, to: &bytes) }) == nil {
            Array(text).withUnsafeBufferPointer { append(escaped: $0, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(escaped text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        var start = 0
        var hasHighBytes = false
        for (index, byte) in text.enumerated() {
            if byte >= 0x80 { hasHighBytes = true }
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F else { continue }
            append(piece: text[start..<index], repair: hasHighBytes, to: &bytes)
            start = index + 1
            hasHighBytes = false
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: [0x5C, 0x22])
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [0x5C, 0x5C])
            case 0x0A: bytes.append(contentsOf: [0x5C, UInt8(ascii: "n")])
            case 0x0D: bytes.append(contentsOf: [0x5C, UInt8(ascii: "r")])
            case 0x09: bytes.append(contentsOf: [0x5C, UInt8(ascii: "t")])
            default:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: [0x5C, UInt8(ascii: "u"), 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        append(piece: text[start...], repair: hasHighBytes, to: &bytes)
    }

    private static func append(piece: Slice<UnsafeBufferPointer<UInt8>>, repair: Bool, to bytes: inout [UInt8]) {
        if repair { bytes.append(contentsOf: String(decoding: piece, as: UTF8.self).utf8) } else { bytes.append(contentsOf: piece) }
    }
}
