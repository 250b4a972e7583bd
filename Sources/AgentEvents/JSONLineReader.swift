/// Checks a line of JSON and notes where its values lie.
struct JSONLineReader {
    private let bytes: [UInt8]
    private var place = 0
    private var nodes: [JSONLine.Node] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read() -> [JSONLine.Node]? {
        guard value(depth: 0, name: nil) else { return nil }
        space()
        return place == bytes.count ? nodes : nil
    }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
    }

    private mutating func take(_ byte: Character) -> Bool {
        space()
        guard next == byte.asciiValue else { return false }
        place += 1
        return true
    }

    private mutating func value(depth: Int, name: Range<Int>?) -> Bool {
        space()
        guard let first = next, depth < JSONLine.depthLimit, nodes.count < JSONLine.nodeLimit else { return false }
        let index = nodes.count
        nodes.append(JSONLine.Node(kind: .null, start: place, end: place, next: index + 1, name: name))
        let isValid: Bool
        switch first {
        case UInt8(ascii: "{"):
            nodes[index].kind = .object
            isValid = object(depth: depth)
        case UInt8(ascii: "["):
            nodes[index].kind = .array
            isValid = array(depth: depth)
        case UInt8(ascii: "\""):
            nodes[index].kind = .string
            let escaped = string()
            nodes[index].isEscaped = escaped == true
            isValid = escaped != nil
        case UInt8(ascii: "t"):
            nodes[index].kind = .boolean
            isValid = word("true")
        case UInt8(ascii: "f"):
            nodes[index].kind = .boolean
            isValid = word("false")
        case UInt8(ascii: "n"): isValid = word("null")
        default:
            nodes[index].kind = .number
            isValid = number()
        }
        nodes[index].end = place
        nodes[index].next = nodes.count
        return isValid
    }

    private mutating func object(depth: Int) -> Bool {
        place += 1
        if take("}") { return true }
        repeat {
            space()
            guard next == UInt8(ascii: "\"") else { return false }
            let start = place
            guard string() != nil else { return false }
            let name = (start + 1)..<(place - 1)
            guard take(":"), value(depth: depth + 1, name: name) else { return false }
        } while take(",")
        return take("}")
    }

    private mutating func array(depth: Int) -> Bool {
        place += 1
        if take("]") { return true }
        repeat {
            guard value(depth: depth + 1, name: nil) else { return false }
        } while take(",")
        return take("]")
    }

    /// Whether it holds escapes; nil when it is no string.
    private mutating func string() -> Bool? {
        var isEscaped = false
        place += 1
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return isEscaped
            case UInt8(ascii: "\\"):
                isEscaped = true
                guard let escape = next else { return nil }
                place += 1
                switch escape {
                case UInt8(ascii: "u"):
                    guard place + 4 <= bytes.count, bytes[place..<(place + 4)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
                    else { return nil }
                    place += 4
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
                    UInt8(ascii: "r"), UInt8(ascii: "t"):
                    break
                default: return nil
                }
            case ..<0x20: return nil
            default: break
            }
        }
        return nil
    }

    private mutating func word(_ text: String) -> Bool {
        guard bytes[place...].starts(with: text.utf8) else { return false }
        place += text.utf8.count
        return true
    }

    private mutating func digits() -> Int {
        let start = place
        while let byte = next, (0x30...0x39).contains(byte) { place += 1 }
        return place - start
    }

    private mutating func number() -> Bool {
        if next == UInt8(ascii: "-") { place += 1 }
        let isZero = next == UInt8(ascii: "0")
        let count = digits()
        guard count == 1 || count > 1 && !isZero else { return false }
        if next == UInt8(ascii: ".") {
            place += 1
            guard digits() > 0 else { return false }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            place += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { place += 1 }
            guard digits() > 0 else { return false }
        }
        return true
    }
}
