import LinuxKernel

/// The entries of git configuration files, in order (git-config(1), "Syntax").
struct GitConfiguration: Sendable, Equatable {
    /// One `key = value`.
    struct Entry: Sendable, Hashable {
        /// Lower case: `remote`.
        var section: String
        /// As written: `origin`; nil when the section has none.
        var subsection: String?
        /// Lower case: `url`.
        var name: String
        /// nil for a key without `=`, which means true.
        var value: String?

        /// `remote.origin.url`.
        var key: String { subsection.map { "\(section).\($0).\(name)" } ?? "\(section).\(name)" }
    }

    var entries: [Entry]

    /// The last value of a key without subsection; the last one wins in git.
    func value(_ section: String, _ name: String) -> String? {
        guard let entry = entries.last(where: { $0.section == section && $0.subsection == nil && $0.name == name }) else { return nil }
        return entry.value ?? "true"
    }

    /// A boolean in git's spelling; nil when the key is missing or is not a boolean.
    func flag(_ section: String, _ name: String) -> Bool? {
        switch value(section, name)?.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0", "": false
        default: nil
        }
    }

    /// Reads one file strictly. nil means "ask git": an include directive, or syntax that this reader does not know.
    static func parse(_ bytes: [UInt8]) -> GitConfiguration? {
        var reader = GitConfigurationReader(bytes: bytes)
        guard let entries = reader.read() else { return nil }
        if entries.contains(where: { ($0.section == "include" || $0.section == "includeif") && $0.name == "path" }) { return nil }
        return GitConfiguration(entries: entries)
    }

    /// Reads the output of `git config --list -z`: `key NL value NUL`.
    static func parseList(_ bytes: [UInt8]) -> GitConfiguration {
        var entries: [Entry] = []
        for record in bytes.split(separator: 0) {
            let end = record.firstIndex(of: UInt8(ascii: "\n"))
            let key = record[..<(end ?? record.endIndex)]
            guard let first = key.firstIndex(of: UInt8(ascii: ".")), let last = key.lastIndex(of: UInt8(ascii: ".")) else { continue }
            entries.append(
                Entry(
                    section: String(osBytes: key[..<first]).lowercased(),
                    subsection: first == last ? nil : String(osBytes: key[(first + 1)..<last]),
                    name: String(osBytes: key[(last + 1)...]).lowercased(),
                    value: end.map { String(osBytes: record[($0 + 1)...]) }))
        }
        return GitConfiguration(entries: entries)
    }

    /// The file's text. Every value is quoted, so that no value can become syntax.
    var text: String {
        var result = ""
        var open: (String, String?)?
        for entry in entries {
            if open == nil || open?.0 != entry.section || open?.1 != entry.subsection {
                if let subsection = entry.subsection {
                    result += "[\(entry.section) \"\(subsection.escaping(["\\", "\""]))\"]\n"
                } else {
                    result += "[\(entry.section)]\n"
                }
                open = (entry.section, entry.subsection)
            }
            result += "\t\(entry.name) = \"\((entry.value ?? "true").escaping(["\\", "\"", "\n", "\t", "\u{8}"]))\"\n"
        }
        return result
    }
}

extension String {
    fileprivate func escaping(_ characters: Set<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            guard characters.contains(scalar) else {
                result.append(scalar)
                continue
            }
            result.append("\\")
            switch scalar {
            case "\n": result.append("n")
            case "\t": result.append("t")
            case "\u{8}": result.append("b")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}

/// The strict reader behind ``GitConfiguration/parse(_:)``.
private struct GitConfigurationReader {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) {
        // A byte order mark is allowed at the start; a carriage return before a line feed is not part of the line.
        var bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        if bytes.contains(UInt8(ascii: "\r")) {
            bytes = bytes.indices.filter {
                !(bytes[$0] == UInt8(ascii: "\r") && $0 + 1 < bytes.count && bytes[$0 + 1] == UInt8(ascii: "\n"))
            }.map { bytes[$0] }
        }
        self.bytes = bytes
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func read() -> [GitConfiguration.Entry]? {
        if bytes.contains(0) { return nil }
        var entries: [GitConfiguration.Entry] = []
        var section: String?
        var subsection: String?
        while true {
            skipSpace(lines: true)
            guard let byte = current else { return entries }
            if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
                while let next = current, next != UInt8(ascii: "\n") { index += 1 }
            } else if byte == UInt8(ascii: "[") {
                index += 1
                guard let header = header() else { return nil }
                (section, subsection) = header
            } else {
                guard let section, let entry = entry(section, subsection) else { return nil }
                entries.append(entry)
            }
        }
    }

    private mutating func skipSpace(lines: Bool) {
        while let byte = current, byte == 0x20 || byte == 0x09 || (lines && byte == 0x0A) { index += 1 }
    }

    /// After `[`: `section]` or `section "subsection"]`. The old `section.sub]` is left to git.
    private mutating func header() -> (String, String?)? {
        let start = index
        while let byte = current, byte.isConfigName { index += 1 }
        guard index > start else { return nil }
        let section = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
        if current == UInt8(ascii: "]") {
            index += 1
            return (section, nil)
        }
        let gap = index
        skipSpace(lines: false)
        guard index > gap, current == UInt8(ascii: "\"") else { return nil }
        index += 1
        var name: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\n") { return nil }
            if byte == UInt8(ascii: "\\") { index += 1 }
            guard let kept = current, kept != UInt8(ascii: "\n") else { return nil }
            name.append(kept)
            index += 1
        }
        index += 1
        guard current == UInt8(ascii: "]") else { return nil }
        index += 1
        return (section, String(osBytes: name))
    }

    private mutating func entry(_ section: String, _ subsection: String?) -> GitConfiguration.Entry? {
        let start = index
        guard let first = current, first.isConfigName, first > UInt8(ascii: "9") else { return nil }
        while let byte = current, byte.isConfigName, byte != UInt8(ascii: ".") { index += 1 }
        let name = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
        skipSpace(lines: false)
        guard let byte = current, byte != UInt8(ascii: "\n") else {
            return GitConfiguration.Entry(section: section, subsection: subsection, name: name, value: nil)
        }
        guard byte == UInt8(ascii: "=") else { return nil }
        index += 1
        skipSpace(lines: false)
        guard let value = value() else { return nil }
        return GitConfiguration.Entry(section: section, subsection: subsection, name: name, value: String(osBytes: value))
    }

    /// To the end of the line: quotes, escapes, continuation lines, comments; spaces at the end do not count.
    private mutating func value() -> [UInt8]? {
        var result: [UInt8] = []
        var kept = 0
        var quoted = false
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\n"):
                if quoted { return nil }
                return Array(result[..<kept])
            case UInt8(ascii: "\""):
                quoted.toggle()
                kept = result.count
            case UInt8(ascii: "\\"):
                guard let escape = current else { return nil }
                index += 1
                switch escape {
                case UInt8(ascii: "\n"): continue
                case UInt8(ascii: "n"): result.append(0x0A)
                case UInt8(ascii: "t"): result.append(0x09)
                case UInt8(ascii: "b"): result.append(0x08)
                case UInt8(ascii: "\\"), UInt8(ascii: "\""): result.append(escape)
                default: return nil
                }
                kept = result.count
            case UInt8(ascii: "#") where !quoted, UInt8(ascii: ";") where !quoted:
                while let next = current, next != UInt8(ascii: "\n") { index += 1 }
            case 0x20 where !quoted, 0x09 where !quoted:
                // Runs of unquoted white space inside a value changed meaning between git versions: leave them to git.
                if byte == 0x09 || current == 0x20 || current == 0x09 {
                    skipSpace(lines: false)
                    if let next = current, next != 0x0A, next != UInt8(ascii: "#"), next != UInt8(ascii: ";") { return nil }
                } else {
                    result.append(byte)
                }
            default:
                result.append(byte)
                kept = result.count
            }
        }
        return quoted ? nil : Array(result[..<kept])
    }
}

extension UInt8 {
    fileprivate var isConfigName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
