import LinuxKernel

/// A name with wildcards: `*` any characters, `?` one.
struct NamePattern: Sendable {
    private enum Form: Sendable {
        /// Of a folded name: compared as Swift's characters are, by canonical equivalence.
        case folded([Character])
        /// Scalars and wildcards: nothing but these very scalars matches.
        case exact([UInt32])
    }

    private static let any: UInt32 = 0x11_0000
    private static let one: UInt32 = 0x11_0001

    private let form: Form
    /// Of ASCII alone, the same as `exact`.
    private let bytes: [UInt32]?
    /// What every name begins and ends with: most names are told by that.
    private let prefix: [UInt8]
    private let suffix: [UInt8]

    /// - Parameter folded: a pattern that has been folded as the names will be.
    init(folded text: String) {
        self.init(.folded(Array(text)), NamePattern.elements(text, escapes: false) ?? [])
    }

    /// A pattern for one spelling. A backslash takes the character after it as it is.
    ///
    /// - Returns: nil where nothing follows a backslash.
    init?(exact text: String) {
        guard let elements = NamePattern.elements(text, escapes: true) else { return nil }
        self.init(.exact(elements), elements)
    }

    private init(_ form: Form, _ elements: [UInt32]) {
        self.form = form
        bytes = elements.allSatisfy { $0 < 0x80 || $0 >= NamePattern.any } ? elements : nil
        prefix = bytes.map { $0.prefix { $0 < 0x80 }.map { UInt8($0) } } ?? []
        suffix = bytes.map { $0.reversed().prefix { $0 < 0x80 }.reversed().map { UInt8($0) } } ?? []
    }

    /// The name, where the pattern has no wildcard.
    var literal: String? {
        switch form {
        case .folded(let characters): return characters.contains("*") || characters.contains("?") ? nil : String(characters)
        case .exact(let elements):
            var text = String.UnicodeScalarView()
            for element in elements {
                guard let scalar = Unicode.Scalar(element) else { return nil }
                text.append(scalar)
            }
            return String(text)
        }
    }

    func matches(_ name: PathName) -> Bool {
        if let bytes, let other = name.bytes {
            guard other.count >= prefix.count, other.count >= suffix.count, other.starts(with: prefix),
                other[(other.count - suffix.count)...].elementsEqual(suffix)
            else { return false }
            return NamePattern.matches(bytes, other.count) { bytes[$0] == UInt32(other[$1]) }
        }
        switch form {
        case .folded(let pattern):
            let characters = Array(name.text)
            return Wildcard.matches(
                pattern: pattern.count, text: characters.count, isAny: { pattern[$0] == "*" },
                isMatch: { pattern[$0] == "?" || pattern[$0] == characters[$1] })
        case .exact(let pattern):
            let scalars = name.text.unicodeScalars.map(\.value)
            return NamePattern.matches(pattern, scalars.count) { pattern[$0] == scalars[$1] }
        }
    }

    private static func matches(_ pattern: [UInt32], _ count: Int, _ isSame: (Int, Int) -> Bool) -> Bool {
        Wildcard.matches(
            pattern: pattern.count, text: count, isAny: { pattern[$0] == any }, isMatch: { pattern[$0] == one || isSame($0, $1) })
    }

    /// The scalars of a pattern, with wildcards as numbers of their own.
    private static func elements(_ text: String, escapes: Bool) -> [UInt32]? {
        var result: [UInt32] = []
        var isEscaped = false
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\" where escapes && !isEscaped:
                isEscaped = true
                continue
            case "*" where !isEscaped: result.append(any)
            case "?" where !isEscaped: result.append(one)
            default: result.append(scalar.value)
            }
            isEscaped = false
        }
        return isEscaped ? nil : result
    }
}
