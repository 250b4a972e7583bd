/// Patterns in which one element stands for any number of elements: `*` among the characters of a name, `**` among the names of a path.
public enum Wildcard {
    /// Whether a whole text matches a whole pattern, in time proportional to the product of the lengths at worst.
    ///
    /// - Parameters:
    ///   - pattern: how many elements the pattern has.
    ///   - text: how many the text has.
    ///   - isAny: whether the element of the pattern at this place stands for any number of elements, none as well.
    ///   - isMatch: whether the element of the pattern at the first place, which is none of those, stands for that of the text at the second.
    @inlinable @inline(__always)
    public static func matches(
        pattern: Int, text: Int, isAny: (Int) -> Bool, isMatch: (_ pattern: Int, _ text: Int) -> Bool
    ) -> Bool {
        var p = 0, t = 0
        var last: (pattern: Int, text: Int)?
        while t < text {
            if p < pattern, isAny(p) {
                last = (p, t)
                p += 1
            } else if p < pattern, isMatch(p, t) {
                p += 1
                t += 1
            } else if let (any, start) = last {
                // It takes one more.
                p = any + 1
                t = start + 1
                last = (any, start + 1)
            } else {
                return false
            }
        }
        while p < pattern, isAny(p) { p += 1 }
        return p == pattern
    }
}
