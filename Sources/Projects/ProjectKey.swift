import LinuxKernel

/// The name of a project's directory below `$COOP_HOME/projects`: readable, a valid file name of at most 200 bytes, and
/// different for different paths.
///
/// `/` becomes `-`. So that no two paths meet, `-` itself becomes `_-`, `_` becomes `__`, and every byte that is awkward in
/// a file name or a terminal becomes `_x` and two hexadecimal digits. A path too long for that keeps its end, followed by
/// `_h` and the SHA-256 of all of it; no short key contains `_h` in that place.
public struct ProjectKey: Sendable, Hashable, CustomStringConvertible {
    /// The most bytes a key may have; a file name may have 255 (NAME_MAX), and others are made from it.
    public static let lengthLimit = 200

    /// The key itself.
    public let text: String

    /// - Parameter path: absolute, with every link resolved.
    public init(path: String) {
        let bytes = path.osBytes
        let parts = ProjectKey.escaped(bytes.first == UInt8(ascii: "/") ? bytes.dropFirst() : bytes[...])
        let length = parts.reduce(0) { $0 + $1.utf8.count }
        if length == 0 {
            text = "-"
            return
        }
        if length <= ProjectKey.lengthLimit {
            text = parts.joined()
            return
        }
        let suffix = "_h" + SHA256.hexDigest(bytes)
        var room = ProjectKey.lengthLimit - suffix.utf8.count
        let tail = parts.reversed().prefix { part in
            room -= part.utf8.count
            return room >= 0
        }
        text = tail.reversed().joined() + suffix
    }

    public var description: String { text }

    /// One element for each character of the path, so that a cut never splits an escape.
    private static func escaped(_ bytes: ArraySlice<UInt8>) -> [String] {
        var result: [String] = []
        for scalar in String(osBytes: bytes).unicodeScalars {
            switch scalar {
            case "/": result.append("-")
            case "-": result.append("_-")
            case "_": result.append("__")
            case "." where result.isEmpty: result.append(hex(UInt8(ascii: ".")))
            case ".", "+", "@", "=", ",", "a"..."z", "A"..."Z", "0"..."9": result.append(String(Character(scalar)))
            default:
                let text = String(Character(scalar))
                if scalar.value >= 0xA0, text.printable == text, scalar.properties.generalCategory != .spaceSeparator,
                    scalar.properties.generalCategory != .format
                {
                    result.append(text)
                } else {
                    result.append(contentsOf: text.osBytes.map(hex))
                }
            }
        }
        return result
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "_x0" + digits : "_x" + digits
    }
}
