import CBytes
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

    /// A path that has only one reading, its own bytes.
    struct Plain {
        /// How many bytes of the target are the path.
        var count: Int
        /// Bit n: at n is a slash. Bits for the whole path if it is shorter than 64 bytes; of a longer one they mean nothing.
        var slashes: UInt64
    }

    /// The path of a request's target, if that has only one reading; nil if it has others. Allocates nothing.
    ///
    /// Letters, digits and `-./_` are looked at 64 bytes at a time, and what comes behind the first other character byte by byte.
    @inline(__always)
    static func plain(_ target: UnsafeRawBufferPointer) -> Plain? {
        guard target.first == UInt8(ascii: "/") else { return nil }
        guard target.count >= 8, let base = target.baseAddress else { return plainByteByByte(target, from: 1, slashes: 1) }
        let first = bits(base, min(target.count, 64))
        var bad = first.unusual | (first.slashes &<< 1) & (first.slashes | first.dots)
        var start = 0
        while bad == 0 {
            if start &+ 64 >= target.count {
                return target.count <= lengthLimit ? Plain(count: target.count, slashes: first.slashes) : nil
            }
            // The last 64 bytes overlap the ones in front of them.
            start = min(start &+ 64, target.count &- 64)
            let next = bits(base + start, 64)
            let carry: UInt64 = target[start &- 1] == UInt8(ascii: "/") ? 1 : 0
            bad = next.unusual | (next.slashes &<< 1 | carry) & (next.slashes | next.dots)
        }
        let count = start &+ bad.trailingZeroBitCount
        let slashes = count < 64 ? first.slashes & (1 &<< UInt64(count) &- 1) : first.slashes
        if target[count] == UInt8(ascii: "?") { return count <= lengthLimit ? Plain(count: count, slashes: slashes) : nil }
        return plainByteByByte(target, from: count, slashes: slashes)
    }

    /// The rest of a target, whose path has one reading in front of `start`.
    @inline(never)
    private static func plainByteByByte(_ target: UnsafeRawBufferPointer, from start: Int, slashes known: UInt64) -> Plain? {
        var slashes = known
        var last = target[start &- 1]
        for index in start..<target.count {
            let byte = target[index]
            if byte == UInt8(ascii: "?") { return index <= lengthLimit ? Plain(count: index, slashes: slashes) : nil }
            // Behind `/` only what can begin a segment that is neither empty nor a dot segment.
            if !isOrdinary(byte) || (last == UInt8(ascii: "/") && (byte == UInt8(ascii: "/") || byte == UInt8(ascii: "."))) { return nil }
            if byte == UInt8(ascii: "/"), index < 64 { slashes |= 1 &<< UInt64(index) }
            last = byte
        }
        return target.count <= lengthLimit ? Plain(count: target.count, slashes: slashes) : nil
    }

    /// What stands where among 8…64 bytes: bit n is about byte n.
    @inline(__always)
    private static func bits(_ bytes: UnsafeRawPointer, _ count: Int) -> (unusual: UInt64, slashes: UInt64, dots: UInt64) {
        if count < 16 {
            let found = coop_path_bits(bytes, bytes + (count &- 8))
            return (spread(found.unusual, count &- 8), spread(found.slashes, count &- 8), spread(found.dots, count &- 8))
        }
        var result: (unusual: UInt64, slashes: UInt64, dots: UInt64) = (0, 0, 0)
        var offset = 0
        while true {
            let found = coop_path_bits(bytes + offset, bytes + (offset &+ 8))
            result.unusual |= UInt64(found.unusual) &<< UInt64(offset)
            result.slashes |= UInt64(found.slashes) &<< UInt64(offset)
            result.dots |= UInt64(found.dots) &<< UInt64(offset)
            if offset &+ 16 == count { return result }
            offset = min(offset &+ 16, count &- 16)
        }
    }

    /// The lower eight bits, and the upper ones at `position`.
    @inline(__always)
    private static func spread(_ bits: UInt32, _ position: Int) -> UInt64 {
        UInt64(bits & 0xFF) | UInt64(bits &>> 8) &<< UInt64(position)
    }

    /// Whether `path` has only one reading, its own bytes.
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool { plain(path)?.count == path.count }

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
