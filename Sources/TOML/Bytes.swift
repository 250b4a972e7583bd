extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let tab = UInt8(ascii: "\t")
    static let space = UInt8(ascii: " ")
    static let hash = UInt8(ascii: "#")
    static let quote = UInt8(ascii: "\"")
    static let apostrophe = UInt8(ascii: "'")
    static let backslash = UInt8(ascii: "\\")
    static let openBracket = UInt8(ascii: "[")
    static let closeBracket = UInt8(ascii: "]")
    static let openBrace = UInt8(ascii: "{")
    static let closeBrace = UInt8(ascii: "}")
    static let equals = UInt8(ascii: "=")
    static let comma = UInt8(ascii: ",")
    static let dot = UInt8(ascii: ".")
    static let colon = UInt8(ascii: ":")
    static let minus = UInt8(ascii: "-")
    static let plus = UInt8(ascii: "+")
    static let underscore = UInt8(ascii: "_")

    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A }

    /// Whether it may stand in a key without quotes.
    var isBareKey: Bool { isDigit || isLetter || self == .underscore || self == .minus }

    /// The control characters that neither a string nor a comment may hold; a tab may.
    var isForbiddenControl: Bool { (self < 0x20 && self != .tab) || self == 0x7F }

    /// The value of a digit in a base up to 16.
    func digit(base: Int) -> Int? {
        let value: Int
        switch self {
        case 0x30...0x39: value = Int(self) - 0x30
        case 0x41...0x46: value = Int(self) - 0x41 + 10
        case 0x61...0x66: value = Int(self) - 0x61 + 10
        default: return nil
        }
        return value < base ? value : nil
    }

    /// `U+001B`.
    var hexName: String {
        let digits = String(self, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
