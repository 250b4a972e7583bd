/// Certificates in PEM (RFC 7468).
public enum RootCertificates {
    private static let begin = Array("-----BEGIN CERTIFICATE-----".utf8)
    private static let end = Array("-----END CERTIFICATE-----".utf8)
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    /// The certificates in a text, DER; what stands between them is comment.
    public static func decode(_ text: [UInt8]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var body: [UInt8]?
        for line in text.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            if line.elementsEqual(begin) {
                body = []
            } else if line.elementsEqual(end) {
                if let body, let der = bytes(body) { result.append(der) }
                body = nil
            } else {
                body? += line
            }
        }
        return result
    }

    /// A certificate as PEM.
    public static func encode(_ certificate: [UInt8]) -> [UInt8] {
        var text: [UInt8] = begin + [UInt8(ascii: "\n")]
        var column = 0
        for start in stride(from: 0, to: certificate.count, by: 3) {
            let group = certificate[start..<min(start + 3, certificate.count)]
            let value = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                text.append(index <= group.count ? digits[Int(value >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
            }
            column += 4
            if column == 64 {
                text.append(UInt8(ascii: "\n"))
                column = 0
            }
        }
        if column > 0 { text.append(UInt8(ascii: "\n")) }
        return text + end + [UInt8(ascii: "\n")]
    }

    private static func bytes(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count * 3 / 4)
        var value: UInt32 = 0
        var bits = 0
        for digit in text where digit != UInt8(ascii: "=") {
            let part = values[Int(digit)]
            guard part != 255 else { return nil }
            value = value << 6 | UInt32(part)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: value >> UInt32(bits)))
            }
        }
        return result.isEmpty ? nil : result
    }
}
