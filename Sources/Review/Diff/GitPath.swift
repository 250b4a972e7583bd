import LinuxKernel

/// Names as git writes them in a diff (git-config(1), `core.quotePath`), so that they can be read back, by git and by people.
public enum GitPath {
    /// The name, in quotation marks with escapes where it holds a control character, a quotation mark, a backslash, or bytes that are no
    /// text. A name that cannot be shown safely is quoted, too.
    public static func quoted(_ path: String) -> [UInt8] {
        let needsQuotes = path.printable != path || path.utf8.contains { $0 == 0x22 || $0 == 0x5C }
        if !needsQuotes { return Array(path.utf8) }
        var result: [UInt8] = [0x22]
        for scalar in path.unicodeScalars {
            let text = String(Character(scalar))
            if scalar.value >= 0x80, text.printable == text {
                result += text.utf8
                continue
            }
            for byte in text.osBytes { result += escape(byte) }
        }
        result.append(0x22)
        return result
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x07: Array("\\a".utf8)
        case 0x08: Array("\\b".utf8)
        case 0x09: Array("\\t".utf8)
        case 0x0A: Array("\\n".utf8)
        case 0x0B: Array("\\v".utf8)
        case 0x0C: Array("\\f".utf8)
        case 0x0D: Array("\\r".utf8)
        case 0x22: Array("\\\"".utf8)
        case 0x5C: Array("\\\\".utf8)
        case 0x20..<0x7F: [byte]
        default: [0x5C, 0x30 + (byte >> 6), 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
        }
    }
}
