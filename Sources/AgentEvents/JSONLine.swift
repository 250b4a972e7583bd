/// One line of JSON (RFC 8259), checked as a whole and then read where it lies: nothing is copied that no rule asks for.
struct JSONLine {
    enum Kind: Equatable { case null, boolean, number, string, array, object }

    /// A value: what it is, where its text lies, and where the values after it begin among all.
    struct Node {
        var kind: Kind
        var start: Int
        var end: Int
        /// The index behind this value and everything in it.
        var next: Int
        /// For a member of an object, where its name lies, without quotes.
        var name: Range<Int>?
        /// Whether a string (or a name) holds escapes.
        var isEscaped = false
    }

    /// Deeper nesting than this is no stream of an agent's.
    static let depthLimit = 128
    /// Nor are so many values in one line.
    static let nodeLimit = 1 << 20

    let bytes: [UInt8]
    private(set) var nodes: [Node] = []

    /// Nil when the line is not JSON, or too deep or wide.
    init?(_ bytes: [UInt8]) {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        self.bytes = bytes
        var reader = JSONLineReader(bytes)
        guard let nodes = reader.read() else { return nil }
        self.nodes = nodes
    }

    /// The value of a member; the last one where a name comes twice.
    func member(_ name: String, of index: Int) -> Int? {
        guard nodes[index].kind == .object else { return nil }
        var found: Int?
        for child in children(of: index) {
            guard let range = nodes[child].name else { continue }
            let written = bytes[range]
            let isSame =
                written.contains(UInt8(ascii: "\\"))
                ? JSONLine.unescaped(written).elementsEqual(name.utf8) : written.elementsEqual(name.utf8)
            if isSame { found = child }
        }
        return found
    }

    func children(of index: Int) -> [Int] {
        var result: [Int] = []
        var child = index + 1
        while child < nodes[index].next {
            result.append(child)
            child = nodes[child].next
        }
        return result
    }

    /// A value as it was written.
    func text(_ index: Int) -> ArraySlice<UInt8> { bytes[nodes[index].start..<nodes[index].end] }

    /// The characters of a string.
    func string(_ index: Int) -> [UInt8]? {
        guard nodes[index].kind == .string else { return nil }
        let inner = bytes[(nodes[index].start + 1)..<(nodes[index].end - 1)]
        return nodes[index].isEscaped ? JSONLine.unescaped(inner) : Array(inner)
    }

    /// Resolves escapes; a lone surrogate becomes U+FFFD.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        func unit(at place: Int) -> UInt32? {
            guard place + 6 <= bytes.endIndex, bytes[place] == UInt8(ascii: "\\"), bytes[place + 1] == UInt8(ascii: "u") else { return nil }
            return UInt32(String(decoding: bytes[(place + 2)..<(place + 6)], as: UTF8.self), radix: 16)
        }
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.endIndex else {
                result.append(bytes[index])
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "u"):
                var scalar = unit(at: index) ?? 0xFFFD
                if (0xD800..<0xDC00).contains(scalar), let low = unit(at: index + 6), (0xDC00..<0xE000).contains(low) {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
                    index += 6
                }
                result.append(contentsOf: String(Character(Unicode.Scalar(scalar) ?? "\u{FFFD}")).utf8)
                index += 4
            default: result.append(bytes[index + 1])
            }
            index += 2
        }
        return result
    }
}
