/// Matches the bytes of a path with a pattern in which `*` stands for any bytes, none included.
enum PathMatch {
    /// Exactly.
    ///
    /// - Parameter literalCount: how many bytes of the pattern stand before its first `*`.
    @inline(__always)
    static func exact(_ pattern: UnsafeRawBufferPointer, _ literalCount: Int, _ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count >= literalCount, let left = pattern.baseAddress, let right = path.baseAddress,
            WordCompare.areEqual(left, right, literalCount)
        else { return false }
        if literalCount == pattern.count { return path.count == pattern.count }
        if literalCount + 1 == pattern.count { return true }
        return glob(pattern, path, from: literalCount, isFolded: false)
    }

    /// As a server might that ignores letter case and a `/` at the end; for rules that deny or ask.
    ///
    /// - Parameter pattern: in lower case.
    static func loose(_ pattern: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> Bool {
        if glob(pattern, path, from: 0, isFolded: true) { return true }
        guard path.count > 1, path.last == UInt8(ascii: "/") else { return false }
        return glob(pattern, UnsafeRawBufferPointer(rebasing: path.dropLast()), from: 0, isFolded: true)
    }

    /// The usual search with one place to go back to: the last `*` may as well stand for one byte more.
    private static func glob(_ pattern: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer, from start: Int, isFolded: Bool) -> Bool {
        var p = start
        var n = start
        var star = -1
        var resume = 0
        while n < path.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                if p + 1 == pattern.count { return true }
                star = p
                resume = n
                p += 1
            } else if p < pattern.count, pattern[p] == (isFolded ? lower(path[n]) : path[n]) {
                p += 1
                n += 1
            } else if star >= 0 {
                p = star + 1
                resume += 1
                n = resume
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
}
