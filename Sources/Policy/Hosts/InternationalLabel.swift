/// Turns one label that a person has written in the configuration into ASCII.
///
/// This is the careful part of IDNA 2008 (RFC 5891, RFC 5892): letters, marks and digits of one script that coop knows. What
/// could be mistaken for another name is refused; whoever means it writes the `xn--` form.
enum InternationalLabel {
    /// Why a label is refused.
    struct Problem: Error, Equatable {
        var reason: String
    }

    /// The label in lower-case ASCII: itself, or `xn--` and its punycode.
    static func encode(_ label: Substring) throws(Problem) -> String {
        let lower = label.unicodeScalars.flatMap { scalar in Array(scalar.properties.lowercaseMapping.unicodeScalars) }
        if lower.allSatisfy(\.isASCII) {
            // The Kelvin sign becomes k: what looks like ASCII only after folding was not written as ASCII.
            guard label.utf8.allSatisfy({ $0 < 0x80 }) else {
                throw Problem(reason: "it holds a character that looks like an ASCII letter")
            }
            return String(String.UnicodeScalarView(lower))
        }
        try check(lower)
        guard let encoded = Punycode.encode(lower), encoded.count <= HostName.labelLimit - 4 else {
            throw Problem(reason: "it has more than \(HostName.labelLimit) bytes in its xn-- form")
        }
        return "xn--" + String(decoding: encoded, as: UTF8.self)
    }

    private static func check(_ scalars: [Unicode.Scalar]) throws(Problem) {
        var scripts: Set<WritingSystem> = []
        for scalar in scalars {
            if scalar == "-" || ("0"..."9").contains(scalar) { continue }
            switch scalar.properties.generalCategory {
            case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark: break
            default: throw Problem(reason: "\(name(scalar)) does not belong into a name")
            }
            guard !scalar.properties.isDefaultIgnorableCodePoint, let script = WritingSystem(scalar) else {
                throw Problem(reason: "\(name(scalar)) is of no script that coop can tell apart; write the xn-- form")
            }
            scripts.insert(script)
            // One accented letter has one spelling: the composed one.
            if script.composes, scalar.properties.canonicalCombiningClass != .notReordered {
                throw Problem(reason: "\(name(scalar)) stands apart from its letter; write the accented letter as one character")
            }
        }
        if let first = scalars.first, [.nonspacingMark, .spacingMark].contains(first.properties.generalCategory) {
            throw Problem(reason: "it begins with \(name(first)), which needs a letter before it")
        }
        guard scripts.count <= 1 || WritingSystem.mayMix(scripts) else {
            let names = scripts.map(\.rawValue).sorted().joined(separator: " and ")
            throw Problem(reason: "it mixes \(names) letters, as deceiving names do; write the xn-- form if it is meant")
        }
        if let script = scripts.first, scripts.count == 1, script.looksLatin(scalars) {
            throw Problem(reason: "its \(script.rawValue) letters all look like Latin ones; write the xn-- form if it is meant")
        }
    }

    private static func name(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
