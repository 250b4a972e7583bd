import LinuxKernel

/// Small records as text: a header, then a line for each field, its name, a space, its value. In values `\` is `\\` and a line end is
/// `\n`. Unknown names are passed over by who reads them.
enum FieldLines {
    static func encode(_ header: String, _ fields: [(String, String?)]) -> [UInt8] {
        var lines = header + "\n"
        for (key, value) in fields {
            guard let value else { continue }
            lines += key + " "
            for character in value.unicodeScalars {
                switch character {
                case "\\": lines += "\\\\"
                case "\n": lines += "\\n"
                default: lines.unicodeScalars.append(character)
                }
            }
            lines += "\n"
        }
        return lines.osBytes
    }

    /// - Returns: nil when the header is another one.
    static func decode(_ header: String, _ bytes: [UInt8]) -> [String: String]? {
        var lines = bytes.split(separator: 0x0A)[...]
        guard let first = lines.popFirst(), first.elementsEqual(header.utf8) else { return nil }
        var fields: [String: String] = [:]
        for line in lines {
            guard let space = line.firstIndex(of: 0x20) else { continue }
            fields[String(decoding: line[..<space], as: UTF8.self)] = value(line[(space + 1)...])
        }
        return fields
    }

    private static func value(_ escaped: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var isEscape = false
        for byte in escaped {
            if isEscape {
                result.append(byte == UInt8(ascii: "n") ? 0x0A : byte)
                isEscape = false
            } else if byte == UInt8(ascii: "\\") {
                isEscape = true
            } else {
                result.append(byte)
            }
        }
        return String(osBytes: result)
    }
}
