/// The scripts that an international name in the configuration may be written in, by their blocks in Unicode.
enum WritingSystem: String {
    case latin = "Latin", greek = "Greek", cyrillic = "Cyrillic", armenian = "Armenian", hebrew = "Hebrew", arabic = "Arabic"
    case devanagari = "Devanagari", bengali = "Bengali", tamil = "Tamil", telugu = "Telugu", thai = "Thai", georgian = "Georgian"
    case hiragana = "Hiragana", katakana = "Katakana", han = "Han", hangul = "Hangul"

    private static let blocks: [(range: ClosedRange<UInt32>, script: WritingSystem)] = [
        (0x61...0x7A, .latin), (0xDF...0xF6, .latin), (0xF8...0x24F, .latin), (0x1E00...0x1EFF, .latin), (0x300...0x36F, .latin),
        (0x370...0x3FF, .greek), (0x400...0x52F, .cyrillic), (0x561...0x586, .armenian), (0x591...0x5F2, .hebrew),
        (0x610...0x6FF, .arabic), (0x900...0x97F, .devanagari), (0x980...0x9FF, .bengali), (0xB80...0xBFF, .tamil),
        (0xC00...0xC7F, .telugu),
        (0xE01...0xE4E, .thai), (0x10D0...0x10FF, .georgian), (0x3041...0x3096, .hiragana), (0x3005...0x3007, .han),
        (0x30A1...0x30FA, .katakana), (0x30FC...0x30FE, .katakana), (0x3400...0x4DBF, .han), (0x4E00...0x9FFF, .han),
        (0xAC00...0xD7A3, .hangul),
    ]

    init?(_ scalar: Unicode.Scalar) {
        guard let block = WritingSystem.blocks.first(where: { $0.range.contains(scalar.value) }) else { return nil }
        self = block.script
    }

    /// Whether letters with marks have characters of their own.
    var composes: Bool { self == .latin || self == .greek || self == .cyrillic }

    /// Japanese, and Korean with Chinese characters, write one word in several scripts (UTS 39, "highly restrictive").
    static func mayMix(_ scripts: Set<WritingSystem>) -> Bool {
        scripts.isSubset(of: [.han, .hiragana, .katakana]) || scripts.isSubset(of: [.han, .hangul])
    }

    private static let cyrillicLikeLatin = Set("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ".unicodeScalars)
    private static let greekLikeLatin = Set("αγεηικνορτυχωϲϳ".unicodeScalars)

    /// Whether a reader could take every letter for a Latin one.
    func looksLatin(_ scalars: [Unicode.Scalar]) -> Bool {
        let alike: Set<Unicode.Scalar>
        switch self {
        case .cyrillic: alike = WritingSystem.cyrillicLikeLatin
        case .greek: alike = WritingSystem.greekLikeLatin
        default: return false
        }
        return scalars.allSatisfy { $0.isASCII || alike.contains($0) }
    }
}
