/// A canonical prefix code (RFC 1951, section 3.2.2).
struct HuffmanCode {
    /// What `decode` answers besides symbols.
    static let needsMore = -1
    static let isInvalid = -2

    private static let longest = 15
    private static let fastBits = 10
    /// By the next ten bits: symbol and length of a code that is no longer than these; 0 for others.
    private var fast: [UInt16]
    /// How many codes there are of each length.
    private var counts: [Int]
    /// The symbols in the order of their codes.
    private var symbols: [UInt16]

    /// - Parameters:
    ///   - lengths: of each symbol's code in bits, 0 for a symbol that is not used.
    ///   - mayBeShort: whether a code of one symbol may leave the rest of the codes unused, as it may for lengths and distances.
    /// - Throws: where several codes would begin alike, or some would be no symbol's.
    init(_ lengths: ArraySlice<UInt8>, mayBeShort: Bool) throws(InflateError) {
        counts = [Int](repeating: 0, count: Self.longest + 1)
        for length in lengths { counts[Int(length)] += 1 }
        counts[0] = 0
        var left = 1
        for length in 1...Self.longest {
            left = left << 1 - counts[length]
            if left < 0 { throw InflateError("more codes than there is room for") }
        }
        let used = counts.reduce(0, +)
        if left > 0, !(mayBeShort && (used == 0 || (used == 1 && counts[1] == 1))) { throw InflateError("codes without a symbol") }

        var next = [Int](repeating: 0, count: Self.longest + 2)
        var code = [Int](repeating: 0, count: Self.longest + 2)
        for length in 1...Self.longest {
            next[length + 1] = next[length] + counts[length]
            code[length + 1] = (code[length] + counts[length]) << 1
        }
        symbols = [UInt16](repeating: 0, count: used)
        fast = [UInt16](repeating: 0, count: 1 << Self.fastBits)
        for (symbol, width) in lengths.enumerated() where width > 0 {
            let length = Int(width)
            symbols[next[length]] = UInt16(symbol)
            next[length] += 1
            if length <= Self.fastBits {
                for place in stride(from: Self.reversed(code[length], length), to: fast.count, by: 1 << length) {
                    fast[place] = UInt16(symbol << 4 | length)
                }
            }
            code[length] += 1
        }
    }

    /// The symbol whose code the lowest of `bits` are, and the code's length in the lowest four bits of the result.
    ///
    /// - Parameter available: how many of the bits are there.
    @inline(__always)
    func decode(_ bits: UInt64, _ available: Int) -> Int {
        let entry = Int(fast[Int(bits & UInt64(1 << Self.fastBits - 1))])
        if entry != 0 { return entry & 15 <= available ? entry : Self.needsMore }
        return decodeLong(bits, available)
    }

    private func decodeLong(_ bits: UInt64, _ available: Int) -> Int {
        var code = 0
        var first = 0
        var index = 0
        for length in 1...Self.longest {
            if length > available { return Self.needsMore }
            code |= Int(bits >> UInt64(length - 1) & 1)
            let count = counts[length]
            if code - first < count { return Int(symbols[index + code - first]) << 4 | length }
            index += count
            first = (first + count) << 1
            code <<= 1
        }
        return Self.isInvalid
    }

    private static func reversed(_ code: Int, _ length: Int) -> Int {
        var result = 0
        for bit in 0..<length where code >> bit & 1 != 0 { result |= 1 << (length - 1 - bit) }
        return result
    }
}
