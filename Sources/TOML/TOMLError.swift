/// Why a document cannot be read or edited, and where.
public struct TOMLError: Error, Sendable, Equatable {
    /// The document's name, as the caller gave it: a path to show to a person.
    public var name: String
    /// The place that is wrong.
    public var position: TOMLPosition
    /// The reason, in a few words. It may quote the document, which a stranger wrote, so it holds no character that could move a
    /// terminal's cursor or reorder a line.
    public var reason: String

    public init(name: String, position: TOMLPosition, reason: String) {
        self.name = name
        self.position = position
        self.reason = TOMLError.harmless(reason)
    }

    /// Controls (C0, DEL, C1), separators of lines and the bidirectional controls as escapes.
    private static func harmless(_ text: String) -> String {
        func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
            default: false
            }
        }
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            result += isHarmful(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(Character(scalar))
        }
    }

    /// `name:line:column`.
    public var place: String { "\(name):\(position)" }
}

extension TOMLError: CustomStringConvertible {
    public var description: String { "\(place): \(reason)" }
}
