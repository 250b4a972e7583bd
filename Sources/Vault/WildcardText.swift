import Substitution

/// Text with `*` for any run of bytes, in at most as many steps as the product of the lengths.
enum WildcardText {
    static func matches(_ pattern: [UInt8], _ text: some Collection<UInt8>) -> Bool {
        var bytes = Array(text)
        defer { bytes.wipe() }
        var place = 0
        var position = 0
        var resume: (pattern: Int, text: Int)?
        while position < bytes.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                resume = (place + 1, position)
                place += 1
            } else if place < pattern.count, pattern[place] == bytes[position] {
                place += 1
                position += 1
            } else if let last = resume {
                resume = (last.pattern, last.text + 1)
                place = last.pattern
                position = last.text + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
