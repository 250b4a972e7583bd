extension HostName {
    /// Writes the one spelling of a name of the usual kind to `output`: 8…63 letters, digits, dots and single hyphens, the last label
    /// with a letter in front. Nearly every name is one, and this takes a fraction of the time of looking at each byte.
    ///
    /// - Parameter count: how many bytes of `input` the name has without its trailing dot.
    /// - Returns: false for another name, which may be one all the same; then `output` holds nothing of use.
    @inline(__always)
    static func normaliseUsual(_ input: UnsafeRawBufferPointer, _ count: Int, into output: UnsafeMutableRawBufferPointer) -> Bool {
        guard count >= 8, count < 64, input.count >= count, output.count >= count, let source = input.baseAddress,
            let target = output.baseAddress
        else { return false }
        var bad: UInt64 = 0
        // Bit n: byte n is a dot, or a dot or hyphen.
        var dots: UInt64 = 0
        var marks: UInt64 = 0
        // From the right, as `SuffixTable` reads what is written here: then each of its reads is of one write.
        var offset = count &- 8
        while true {
            let word = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let lower = word | (ByteLanes.within(word, 0x41, 0x5A) & ByteLanes.high) &>> 2
            target.storeBytes(of: lower.littleEndian, toByteOffset: offset, as: UInt64.self)
            let mark = ByteLanes.within(lower, 0x2D, 0x2E)
            bad |= word | ~(ByteLanes.within(lower, 0x61, 0x7A) | ByteLanes.within(lower, 0x30, 0x39) | mark)
            marks |= ByteLanes.gathered(mark) &<< UInt64(offset)
            dots |= ByteLanes.gathered(ByteLanes.equal(lower, 0x2E)) &<< UInt64(offset)
            if offset == 0 { break }
            offset = max(0, offset &- 8)
        }
        // A dot or hyphen at either end, or two of them side by side: an empty label, one that begins or ends with a hyphen, or
        // perhaps `xn--`.
        let misplaced = marks & (marks &<< 1 | 1 | 1 &<< UInt64(count &- 1))
        if bad & ByteLanes.high | misplaced != 0 { return false }
        // What ends in a number may be an address.
        return target.load(fromByteOffset: 64 &- dots.leadingZeroBitCount, as: UInt8.self) >= UInt8(ascii: "a")
    }
}
