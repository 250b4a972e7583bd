import Glibc

/// The ways in which servers may read the path of a request.
///
/// What one server takes for `/a/b` another takes for `/a%2Fb` or `/a;x/b`. So a path has up to two readings, and a rule
/// that allows must match both of them while a rule that denies or asks need match only one. A path that can be read in more
/// ways than these (`..`, `//`, `\`, doubled encoding, control characters, …) is `ambiguous`: no rule with paths allows it,
/// every one denies it.
enum PathReading: Equatable {
    /// `literal` has the escapes resolved that need none, and the others in upper case (RFC 3986, section 6.2.2);
    /// `separated` has `%2F` as `/` and what stands between `;` and the next `/` left out. Often both are the same.
    case readable(literal: [UInt8], separated: [UInt8])
    case ambiguous

    /// The longest path that rules with paths look at.
    static let lengthLimit = 8192

    /// How many bytes of a request's target are its path; the rest is the query.
    static func pathCount(_ target: UnsafeRawBufferPointer) -> Int {
        guard let base = target.baseAddress, let mark = memchr(base, Int32(UInt8(ascii: "?")), target.count) else { return target.count }
        return base.distance(to: mark)
    }

    /// How many bytes of a request's target are its path, if that has only one reading, its own bytes; nil if it has others.
    /// Allocates nothing.
    static func plainCount(_ target: UnsafeRawBufferPointer) -> Int? {
        guard target.first == UInt8(ascii: "/") else { return nil }
        let count = usualCount(target)
        if count == target.count || target[count] == UInt8(ascii: "?") { return count <= lengthLimit ? count : nil }
        // The rest byte by byte: it holds a character that is less usual, or the path is a short one.
        var last = target[max(0, count &- 1)]
        for index in max(1, count)..<max(1, target.count) {
            let byte = target[index]
            if byte == UInt8(ascii: "?") { return index <= lengthLimit ? index : nil }
            // Behind `/` only what can begin a segment that is neither empty nor a dot segment.
            if !isOrdinary(byte) || (last == UInt8(ascii: "/") && (byte == UInt8(ascii: "/") || byte == UInt8(ascii: "."))) { return nil }
            last = byte
        }
        return target.count <= lengthLimit ? target.count : nil
    }

    /// How many bytes at the beginning are letters, digits and `-./_` without an empty or a dot segment, in steps of eight bytes;
    /// 0 for a short path.
    @inline(__always)
    private static func usualCount(_ path: UnsafeRawBufferPointer) -> Int {
        guard path.count > 8, let base = path.baseAddress else { return 0 }
        let final = path.count &- 9
        var offset = 0
        while true {
            // Each byte and the one behind it; the first of all is a slash.
            let block = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let behind = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset &+ 1, as: UInt64.self))
            if behind & Lanes.high != 0 { return offset &+ 1 }
            let usual = Lanes.within(behind | Lanes.all(0x20), 0x61, 0x7A) | Lanes.within(behind, 0x2D, 0x39) | Lanes.equal(behind, 0x5F)
            let doubled = Lanes.equal(block, 0x2F) & Lanes.within(behind, 0x2E, 0x2F)
            let bad = (~usual | doubled) & Lanes.high
            if bad != 0 { return offset &+ 1 &+ bad.trailingZeroBitCount &>> 3 }
            if offset == final { return path.count }
            offset = min(offset &+ 8, final)
        }
    }

    /// Whether `path` has only one reading, its own bytes.
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool { plainCount(path) == path.count }

    /// Eight bytes below 0x80 at once; the answer is in the highest bit of each, the other bits mean nothing.
    private enum Lanes {
        static let high: UInt64 = 0x8080_8080_8080_8080

        @inline(__always)
        static func all(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }

        @inline(__always)
        static func within(_ word: UInt64, _ low: UInt64, _ top: UInt64) -> UInt64 {
            (word &+ all(0x80 &- low)) & ~(word &+ all(0x7F &- top))
        }

        @inline(__always)
        static func equal(_ word: UInt64, _ byte: UInt64) -> UInt64 { ~((word ^ all(byte)) &+ all(0x7F)) }
    }

    /// Reads any path. Both buffers hold at least `path.count` bytes; allocates nothing.
    ///
    /// - Returns: the lengths of both readings; nil for an ambiguous path.
    static func read(
        _ path: UnsafeRawBufferPointer, literal: UnsafeMutableRawBufferPointer, separated: UnsafeMutableRawBufferPointer
    ) -> (literal: Int, separated: Int)? {
        guard path.count <= lengthLimit, path.first == UInt8(ascii: "/") else { return nil }
        var index = 0
        var literalCount = 0
        var separatedCount = 0
        var isParameter = false
        while index < path.count {
            var byte = path[index]
            var isEscaped = false
            if byte == UInt8(ascii: "%") {
                guard index + 2 < path.count, let high = hexDigit(path[index + 1]), let low = hexDigit(path[index + 2]) else { return nil }
                byte = high << 4 | low
                isEscaped = byte == UInt8(ascii: "/") || !isOrdinary(byte)
                // Encoded twice: a server that decodes twice would see something else.
                if byte == UInt8(ascii: "%"), index + 4 < path.count, hexDigit(path[index + 3]) != nil, hexDigit(path[index + 4]) != nil {
                    return nil
                }
                index += 3
            } else {
                guard isOrdinary(byte) || byte == UInt8(ascii: ";") else { return nil }
                index += 1
            }
            // Controls and backslashes end or split a path for some servers, and 0xC0 0xAF is an overlong `/`. Other escaped
            // bytes above ASCII are ordinary UTF-8.
            if byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") || byte == 0xC0 || byte == 0xC1 || byte >= 0xF5 { return nil }
            let isSeparator = byte == UInt8(ascii: "/")
            if isSeparator || (byte == UInt8(ascii: ";") && !isParameter) {
                guard separatedCount == 0 || !endsInDotSegment(separated, separatedCount) else { return nil }
            }
            if isSeparator {
                if separatedCount > 0, separated[separatedCount - 1] == UInt8(ascii: "/") { return nil }
                isParameter = false
            } else if byte == UInt8(ascii: ";") {
                isParameter = true
            }
            if isEscaped {
                let digits: (UInt8, UInt8) = (upperHex(byte >> 4), upperHex(byte & 0xF))
                (literal[literalCount], literal[literalCount + 1], literal[literalCount + 2]) = (UInt8(ascii: "%"), digits.0, digits.1)
                literalCount += 3
                if !isSeparator, !isParameter {
                    (separated[separatedCount], separated[separatedCount + 1], separated[separatedCount + 2]) =
                        (UInt8(ascii: "%"), digits.0, digits.1)
                    separatedCount += 3
                }
            } else {
                literal[literalCount] = byte
                literalCount += 1
                if !isSeparator, !isParameter {
                    separated[separatedCount] = byte
                    separatedCount += 1
                }
            }
            if isSeparator {
                separated[separatedCount] = byte
                separatedCount += 1
            }
        }
        if endsInDotSegment(separated, separatedCount) { return nil }
        return (literalCount, separatedCount)
    }

    /// The readings of a path, as values.
    static func read(_ path: [UInt8]) -> PathReading {
        path.withUnsafeBytes { path in
            withUnsafeTemporaryAllocation(byteCount: max(1, path.count), alignment: 1) { literal in
                withUnsafeTemporaryAllocation(byteCount: max(1, path.count), alignment: 1) { separated in
                    guard let counts = read(path, literal: literal, separated: separated) else { return .ambiguous }
                    return .readable(literal: Array(literal[..<counts.literal]), separated: Array(separated[..<counts.separated]))
                }
            }
        }
    }

    /// Whether the last segment so far is `.` or `..`.
    private static func endsInDotSegment(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) -> Bool {
        guard count >= 2, bytes[count - 1] == UInt8(ascii: ".") else { return false }
        let before = bytes[count - 2]
        return before == UInt8(ascii: "/") || (before == UInt8(ascii: ".") && count >= 3 && bytes[count - 3] == UInt8(ascii: "/"))
    }

    /// What stands in a path as itself and means the same to everybody: pchar of RFC 3986 without `%` and `;`, and `/`.
    @inline(__always)
    static func isOrdinary(_ byte: UInt8) -> Bool {
        // Two words of bits, one for each half of ASCII.
        let low: UInt64 = 0x27FF_FFD2_0000_0000
        let high: UInt64 = 0x47FF_FFFE_87FF_FFFF
        let word = byte & 0x40 == 0 ? low : high
        return byte < 0x80 && word >> UInt64(byte & 0x3F) & 1 == 1
    }

    private static func upperHex(_ value: UInt8) -> UInt8 { value < 10 ? value + 0x30 : value - 10 + 0x41 }
}
