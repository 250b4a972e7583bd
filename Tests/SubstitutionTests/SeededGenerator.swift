import TestSupport

extension SeededGenerator {
    /// Text of letters from a small alphabet, so that patterns overlap.
    mutating func text(_ count: Int, of alphabet: String = "ab") -> [UInt8] {
        let letters = Array(alphabet.utf8)
        return (0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &self)] }
    }

    /// Cuts bytes into pieces of random sizes, some of them empty.
    mutating func pieces(_ bytes: [UInt8], longest: Int) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let size = Int.random(in: 0...longest, using: &self)
            result.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return result
    }
}
