/// A name with wildcards: `*` any characters, `?` one.
struct NamePattern: Sendable {
    private let characters: [Character]
    /// Of ASCII alone, its bytes.
    private let bytes: [UInt8]?
    /// What every name begins and ends with: most names are told by that.
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    init(_ text: String) {
        characters = Array(text)
        bytes = text.utf8.allSatisfy { $0 < 0x80 } ? Array(text.utf8) : nil
        func isWildcard(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") }
        prefix = bytes.map { Array($0.prefix { !isWildcard($0) }) } ?? []
        suffix = bytes.map { Array($0.reversed().prefix { !isWildcard($0) }.reversed()) } ?? []
    }

    func matches(_ name: PathName) -> Bool {
        guard let bytes, let other = name.bytes else {
            return NamePattern.matches(characters, Array(name.text), any: "*", one: "?")
        }
        guard other.count >= prefix.count, other.count >= suffix.count, other.starts(with: prefix),
            other[(other.count - suffix.count)...].elementsEqual(suffix)
        else { return false }
        return NamePattern.matches(bytes, other, any: UInt8(ascii: "*"), one: UInt8(ascii: "?"))
    }

    /// In time proportional to the product of the lengths at worst.
    private static func matches<Element: Equatable>(_ pattern: [Element], _ name: [Element], any: Element, one: Element) -> Bool {
        var (p, n) = (0, 0)
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == any {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == one || pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = star {
                p = last.pattern + 1
                n = last.name + 1
                star = (last.pattern, n)
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == any { p += 1 }
        return p == pattern.count
    }
}
