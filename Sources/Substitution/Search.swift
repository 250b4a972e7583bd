import Glibc

/// Finds one text in another.
enum Search {
    /// The positions of `needle` in `bytes`, from left to right, none overlapping another.
    static func positions(of needle: [UInt8], in bytes: [UInt8]) -> [Int] {
        guard let first = needle.first else { return [] }
        return bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return [] }
            var result: [Int] = []
            var place = 0
            while buffer.count - place >= needle.count,
                let next = memchr(base + place, Int32(first), buffer.count - place - needle.count + 1)
            {
                place = UnsafeRawPointer(next) - base
                if memcmp(base + place, needle, needle.count) == 0 {
                    result.append(place)
                    place += needle.count
                } else {
                    place += 1
                }
            }
            return result
        }
    }
}
