/// Percent-encoding of URL components (RFC 3986 §2.1).
enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".unicodeScalars)

    static func append(_ byte: UInt8, to text: inout String) {
        text.unicodeScalars.append("%")
        text.unicodeScalars.append(digits[Int(byte >> 4)])
        text.unicodeScalars.append(digits[Int(byte & 15)])
    }
}
