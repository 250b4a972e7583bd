/// Compares short runs of bytes where a call of memcmp(3) costs more than the comparison.
enum WordCompare {
    @inline(__always)
    static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        if count < 8 {
            for index in 0..<count
            where left.load(fromByteOffset: index, as: UInt8.self) != right.load(fromByteOffset: index, as: UInt8.self) {
                return false
            }
            return true
        }
        // The last word overlaps the one in front of it.
        let last = count &- 8
        var offset = 0
        while offset < last {
            if word(left, offset) != word(right, offset) { return false }
            offset &+= 8
        }
        return word(left, last) == word(right, last)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
