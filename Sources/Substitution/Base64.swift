/// Base64 (RFC 4648, sections 4 and 5).
public enum Base64 {
    public enum Alphabet: Sendable, CaseIterable { case standard, url }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    private static func digit(_ value: Int, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        case 63: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        default: digits[value]
        }
    }

    public static func encode(_ bytes: some Sequence<UInt8>, _ alphabet: Alphabet = .standard, padding: Bool = true) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount / 3 * 4 + 4)
        var bits = 0
        var held = 0
        for byte in bytes {
            bits = bits << 8 | Int(byte)
            held += 8
            while held >= 6 {
                held -= 6
                result.append(digit(bits >> held & 63, alphabet))
            }
            bits &= (1 << held) - 1
        }
        if held > 0 { result.append(digit(bits << (6 - held) & 63, alphabet)) }
        while padding, result.count % 4 != 0 { result.append(UInt8(ascii: "=")) }
        return result
    }

    /// Decodes either alphabet, with or without padding; nil for anything else.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var digits = Array(text)
        var padding = 0
        while padding < 2, digits.last == UInt8(ascii: "=") {
            digits.removeLast()
            padding += 1
        }
        guard digits.count % 4 != 1, padding == 0 || (digits.count + padding) % 4 == 0 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(digits.count / 4 * 3 + 2)
        var bits = 0
        var held = 0
        for digit in digits {
            let value: Int
            switch digit {
            case 0x41...0x5A: value = Int(digit) - 0x41
            case 0x61...0x7A: value = Int(digit) - 0x61 + 26
            case 0x30...0x39: value = Int(digit) - 0x30 + 52
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            default: return nil
            }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> held))
                bits &= (1 << held) - 1
            }
        }
        return result
    }

    /// The digits that `bytes` gives whatever stands around them, when `before` bytes (0, 1 or 2) of its group precede it. The digits
    /// at the two ends, which also hold bits of the neighbours, are left out.
    static func inner(_ bytes: [UInt8], before: Int, _ alphabet: Alphabet) -> [UInt8] {
        var padded = [UInt8](repeating: 0, count: before) + bytes
        var encoded = encode(padded, alphabet, padding: false)
        padded.wipe()
        defer { encoded.wipe() }
        let skipped = before == 0 ? 0 : before + 1
        let shared = (before + bytes.count) % 3 == 0 ? 0 : 1
        guard encoded.count > skipped + shared else { return [] }
        return Array(encoded[skipped..<encoded.count - shared])
    }
}
