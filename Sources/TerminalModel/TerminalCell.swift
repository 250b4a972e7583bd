import CVTerm

/// What one place of the screen shows.
public struct TerminalCell: Sendable, Equatable {
    /// The default colour, one of 256, or red, green and blue.
    public enum Color: Sendable, Equatable {
        case standard
        case indexed(UInt8)
        case rgb(UInt8, UInt8, UInt8)

        init(_ value: UInt32) {
            switch value >> 24 {
            case 1: self = .indexed(UInt8(truncatingIfNeeded: value))
            case 2:
                self = .rgb(UInt8(truncatingIfNeeded: value >> 16), UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value))
            default: self = .standard
            }
        }
    }

    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let bold = Attributes(rawValue: 1)
        public static let italic = Attributes(rawValue: 2)
        public static let blink = Attributes(rawValue: 4)
        public static let reverse = Attributes(rawValue: 8)
        public static let conceal = Attributes(rawValue: 16)
        public static let strike = Attributes(rawValue: 32)
        /// Both together: a curly one.
        public static let underline = Attributes(rawValue: 64)
        public static let doubleUnderline = Attributes(rawValue: 128)
    }

    /// The character and what combines with it; nothing in a cell that was never written.
    public var scalars: [Unicode.Scalar]
    public var foreground: Color
    public var background: Color
    public var attributes: Attributes
    /// 2 for a wide character, 0 for the cell that it covers besides.
    public var width: Int

    init(_ cell: coop_cell) {
        scalars = withUnsafeBytes(of: cell.chars) { raw in
            raw.bindMemory(to: UInt32.self).prefix { $0 != 0 }.compactMap(Unicode.Scalar.init)
        }
        foreground = Color(cell.foreground)
        background = Color(cell.background)
        attributes = Attributes(rawValue: cell.attributes & 0xFF)
        width = Int(cell.width)
    }

    /// Whether nothing would be seen of it.
    var isBlank: Bool {
        scalars.allSatisfy { $0 == " " } && background == .standard
            && attributes.isDisjoint(with: [.reverse, .underline, .doubleUnderline, .strike])
    }

    /// The text of it, a space where nothing is.
    var text: String { scalars.isEmpty ? (width == 0 ? "" : " ") : String(String.UnicodeScalarView(scalars)) }
}

extension TerminalCell {
    /// The SGR sequence that sets exactly this cell's colours and attributes (ECMA-48, 8.3.117).
    var selectGraphicRendition: String {
        var codes = ["0"]
        if attributes.contains(.bold) { codes.append("1") }
        if attributes.contains(.italic) { codes.append("3") }
        if attributes.isSuperset(of: [.underline, .doubleUnderline]) {
            codes.append("4:3")
        } else if attributes.contains(.doubleUnderline) {
            codes.append("21")
        } else if attributes.contains(.underline) {
            codes.append("4")
        }
        if attributes.contains(.blink) { codes.append("5") }
        if attributes.contains(.reverse) { codes.append("7") }
        if attributes.contains(.conceal) { codes.append("8") }
        if attributes.contains(.strike) { codes.append("9") }
        codes += TerminalCell.codes(foreground, base: 30)
        codes += TerminalCell.codes(background, base: 40)
        return "\u{1B}[" + codes.joined(separator: ";") + "m"
    }

    private static func codes(_ color: Color, base: Int) -> [String] {
        switch color {
        case .standard: []
        case .indexed(let index) where index < 8: ["\(base + Int(index))"]
        case .indexed(let index) where index < 16: ["\(base + 52 + Int(index))"]
        case .indexed(let index): ["\(base + 8);5;\(index)"]
        case .rgb(let red, let green, let blue): ["\(base + 8);2;\(red);\(green);\(blue)"]
        }
    }

    func hasSameStyle(as other: TerminalCell) -> Bool {
        foreground == other.foreground && background == other.background && attributes == other.attributes
    }
}
