/// How text is written inside of something else.
public enum TextEncoding: Sendable, Equatable, CaseIterable {
    case raw
    /// Inside the quotes of a JSON string (RFC 8259, section 7).
    case json
    /// `%XX`, for a URL (RFC 3986, section 2.1).
    case percent
    /// As `percent`, with a space as `+` (application/x-www-form-urlencoded).
    case form

    /// The bytes as they are written in this encoding.
    public func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        switch self {
        case .raw: return Array(bytes)
        case .json: return TextEncoding.jsonEscaped(bytes)
        case .percent: return TextEncoding.percentEncoded(bytes)
        case .form: return TextEncoding.percentEncoded(bytes, spaceAsPlus: true)
        }
    }

    static func jsonEscaped(_ bytes: some Sequence<UInt8>, escapingSlash: Bool = false) -> [UInt8] {
        var result: [UInt8] = []
        // Enough for any text: what grows leaves a copy of what it held.
        result.reserveCapacity(bytes.underestimatedCount * 6)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                result.append(UInt8(ascii: "\\"))
                result.append(byte)
            case UInt8(ascii: "/") where escapingSlash:
                result.append(UInt8(ascii: "\\"))
                result.append(byte)
            case 0x08: result += Array("\\b".utf8)
            case 0x09: result += Array("\\t".utf8)
            case 0x0A: result += Array("\\n".utf8)
            case 0x0C: result += Array("\\f".utf8)
            case 0x0D: result += Array("\\r".utf8)
            case 0..<0x20: result += Array("\\u00".utf8) + [hexDigit(byte >> 4), hexDigit(byte & 15)]
            default: result.append(byte)
            }
        }
        return result
    }

    /// - Parameter keep: what stays as it is besides the unreserved characters of RFC 3986.
    static func percentEncoded(
        _ bytes: some Sequence<UInt8>, upper: Bool = true, spaceAsPlus: Bool = false, keep: (UInt8) -> Bool = { _ in false }
    ) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount * 3)
        for byte in bytes {
            if byte.isUnreserved || keep(byte) {
                result.append(byte)
            } else if byte == 0x20, spaceAsPlus {
                result.append(UInt8(ascii: "+"))
            } else {
                result.append(UInt8(ascii: "%"))
                result.append(hexDigit(byte >> 4, upper: upper))
                result.append(hexDigit(byte & 15, upper: upper))
            }
        }
        return result
    }

    /// Nil where a percent sign is not followed by two hexadecimal digits.
    static func percentDecoded(_ bytes: some Sequence<UInt8>, plusAsSpace: Bool = false) -> [UInt8]? {
        var result: [UInt8] = []
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else { return nil }
                result.append(high << 4 | low)
            } else {
                result.append(byte == UInt8(ascii: "+") && plusAsSpace ? 0x20 : byte)
            }
        }
        return result
    }

    static func hex(_ bytes: some Sequence<UInt8>, upper: Bool = false) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes {
            result.append(hexDigit(byte >> 4, upper: upper))
            result.append(hexDigit(byte & 15, upper: upper))
        }
        return result
    }

    static func hexDigit(_ value: UInt8, upper: Bool = false) -> UInt8 {
        value < 10 ? 0x30 + value : (upper ? 0x41 : 0x61) + value - 10
    }

    static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

extension UInt8 {
    /// RFC 3986, section 2.3.
    var isUnreserved: Bool {
        isASCIILetterOrDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
            || self == UInt8(ascii: "~")
    }
}
