extension IPAddress {
    /// Reads the one form of IPv4 that everybody reads alike, four decimal numbers without leading zeros, or IPv6
    /// (RFC 4291, section 2.2) without brackets and without a zone. Nil for everything else.
    public init?(parsing text: some Collection<UInt8>) {
        guard text.count <= 45 else { return nil }
        let bytes = Array(text)
        if bytes.contains(UInt8(ascii: ":")) {
            guard let bits = IPAddress.parseV6(bytes[...]) else { return nil }
            self.init(bits: bits)
        } else {
            guard let bits = IPAddress.parseV4(bytes[...]) else { return nil }
            self.init(v4: bits)
        }
    }

    public init?(parsing text: String) { self.init(parsing: text.utf8) }

    private static func parseV4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var result: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
            // 010 is eight to inet_aton(3) and ten to others.
            if part.count > 1, part.first == UInt8(ascii: "0") { return nil }
            let number = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 0x30) }
            guard number <= 255 else { return nil }
            result = result << 8 | number
        }
        return result
    }

    private static func parseV6(_ text: ArraySlice<UInt8>) -> UInt128? {
        let colon = UInt8(ascii: ":")
        var gap: (before: ArraySlice<UInt8>, after: ArraySlice<UInt8>)?
        for index in text.indices.dropLast() where text[index] == colon && text[index + 1] == colon {
            gap = (text[..<index], text[(index + 2)...])
            break
        }
        guard let gap else {
            guard let groups = groups(text, mayEndInV4: true), groups.count == 8 else { return nil }
            return groups.reduce(0) { $0 << 16 | UInt128($1) }
        }
        guard let before = gap.before.isEmpty ? [] : groups(gap.before, mayEndInV4: false),
            let after = gap.after.isEmpty ? [] : groups(gap.after, mayEndInV4: true), before.count + after.count <= 7
        else { return nil }
        let all = before + Array(repeating: 0, count: 8 - before.count - after.count) + after
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static func groups(_ text: ArraySlice<UInt8>, mayEndInV4: Bool) -> [UInt16]? {
        var result: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (number, part) in parts.enumerated() {
            if mayEndInV4, number == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let v4 = parseV4(part) else { return nil }
                result += [UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)]
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for byte in part {
                guard let digit = hexDigit(byte) else { return nil }
                group = group << 4 | UInt16(digit)
            }
            result.append(group)
        }
        return result
    }
}

extension IPAddress: CustomStringConvertible {
    /// The address in its canonical form (RFC 5952), IPv6 without brackets.
    public var description: String {
        if let v4 { return [24, 16, 8, 0].map { String(v4 >> UInt32($0) & 0xFF) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(16 * (7 - $0))) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        let text = { (range: Range<Int>) in groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }

    /// The address as it stands in front of a port: IPv6 in brackets.
    public var hostText: String { v4 == nil ? "[\(self)]" : description }
}

extension IPAddress: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let address = IPAddress(parsing: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IP address")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The value of a hexadecimal digit.
@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
}
