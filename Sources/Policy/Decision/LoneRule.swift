/// A rule that allows one path, with its pattern right behind it in memory: what `PathTable` leads to where a single one stands, so that
/// it takes one load and not a chain of four, each of which may miss the cache.
struct LoneRule: BitwiseCopyable {
    var rule: CompiledRule
    /// How many bytes the pattern has, and how many stand before its first `*`.
    var count: UInt16
    var literalCount: UInt16

    /// Appends the rule and its pattern to `words`.
    ///
    /// - Parameter pattern: at most `PathPattern.lengthLimit` bytes.
    static func append(_ rule: CompiledRule, _ pattern: some Collection<UInt8>, literalCount: UInt32, to words: inout [UInt64]) {
        let start = words.count
        words += Array(repeating: 0, count: MemoryLayout<LoneRule>.stride / 8 + (pattern.count + 7) / 8)
        words.withUnsafeMutableBytes { bytes in
            let place = UnsafeMutableRawBufferPointer(rebasing: bytes[(8 * start)...])
            let lone = LoneRule(rule: rule, count: UInt16(pattern.count), literalCount: UInt16(literalCount))
            place.storeBytes(of: lone, as: LoneRule.self)
            UnsafeMutableRawBufferPointer(rebasing: place[MemoryLayout<LoneRule>.stride...]).copyBytes(from: pattern)
        }
    }

    /// Whether the path of a request fits; it has one reading.
    @inline(__always)
    static func matches(_ lone: UnsafePointer<LoneRule>, _ path: UnsafeRawBufferPointer) -> Bool {
        let pattern = UnsafeRawBufferPointer(start: UnsafeRawPointer(lone + 1), count: Int(lone.pointee.count))
        return PathMatch.exact(pattern, Int(lone.pointee.literalCount), path)
    }
}
