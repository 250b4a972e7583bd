import LinuxKernel

/// The values of the keys at the top of a JSON object (RFC 8259), without regard to blanks: all of them but for those that are known to do no
/// more than describe. Tools keep what they execute under names of their own, so that the others cannot be listed.
enum JSONKeys {
    static let package: Set<String> = [
        "name", "version", "description", "keywords", "homepage", "bugs", "license", "licenses", "author", "contributors", "maintainers",
        "funding", "files", "repository", "private", "engines", "os", "cpu", "libc", "type", "types", "typings", "typesVersions",
        "sideEffects", "exports", "imports", "module", "browser", "man", "readme", "displayName", "publisher", "categories", "icon",
        "$schema",
    ]

    static let composer: Set<String> = [
        "name", "version", "description", "keywords", "homepage", "readme", "time", "license", "authors", "support", "funding", "suggest",
        "conflict", "archive", "abandoned", "prefer-stable", "$schema",
    ]

    static func difference(from before: [UInt8], to after: [UInt8], harmless: Set<String>) -> String? {
        guard let old = before.isEmpty ? [:] : values(before), let new = values(after) else { return "it is no JSON object" }
        var found: Set<String> = []
        for (key, value) in new where !harmless.contains(key) && old[key] != value { found.insert(key) }
        for key in old.keys where !harmless.contains(key) && new[key] == nil { found.insert(key) }
        return ContentInspection.listed(found, [])
    }

    /// The bytes of each value, blanks between them left out; one key more than once is all of its values. Nil for what is no object.
    private static func values(_ bytes: [UInt8]) -> [String: [UInt8]]? {
        var input = bytes[...]
        if input.starts(with: [0xEF, 0xBB, 0xBF]) { input = input.dropFirst(3) }
        var depth = 0
        var key: String?
        var value: [UInt8] = []
        var result: [String: [UInt8]] = [:]
        var index = input.startIndex
        func end() {
            if let name = key { result[name, default: []] += value + [0x2C] }
            key = nil
            value = []
        }
        while index < input.endIndex {
            let byte = input[index]
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): break
            case UInt8(ascii: "\""):
                let start = index
                index += 1
                while index < input.endIndex, input[index] != UInt8(ascii: "\"") { index += input[index] == UInt8(ascii: "\\") ? 2 : 1 }
                guard index < input.endIndex else { return nil }
                if depth == 1, key == nil { key = text(input[start + 1..<index]) } else { value += input[start...index] }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if depth == 0, byte != UInt8(ascii: "{") { return nil }
                if depth > 0 { value.append(byte) }
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth < 0 { return nil }
                if depth == 0 { end() } else { value.append(byte) }
            case UInt8(ascii: ","): if depth == 1 { end() } else { value.append(byte) }
            case UInt8(ascii: ":") where depth == 1 && value.isEmpty: break
            default:
                if depth == 0 { return nil }
                value.append(byte)
            }
            index += 1
        }
        return depth == 0 ? result : nil
    }

    /// The characters of a string between its quotation marks: escapes are another way to write the same key.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(osBytes: bytes) }
        var units: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.endIndex else {
                units.append(bytes[index])
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "u"), index + 6 <= bytes.endIndex,
                let number = UInt32(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(number)
            {
                units += String(Character(scalar)).utf8
                index += 6
            } else {
                units.append(bytes[index + 1])
                index += 2
            }
        }
        return String(osBytes: units)
    }
}
