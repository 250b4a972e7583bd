import LinuxKernel

/// A path as the most generous of file systems would read it: one for which letter case, Unicode normalisation, invisible characters, dots and
/// blanks at the end, streams and short names of Windows make no difference. Two paths that any of them takes for the same are folded to the same
/// names; git guards its own names in the same way (git-config(1), `core.protectNTFS`, `core.protectHFS`).
struct FoldedPath {
    let names: [PathName]
    /// The same with a backslash for a separator, where there is one.
    let backslashed: [PathName]?

    init(_ path: String) {
        names = FileSystem.components(of: path).map { PathName(FoldedPath.fold($0)) }
        guard path.utf8.contains(UInt8(ascii: "\\")) else {
            backslashed = nil
            return
        }
        let split = path.utf8.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        backslashed = split.map { PathName(FoldedPath.fold(String(Substring($0)))) }
    }

    /// - Parameter keepingWildcards: for a pattern, whose `*` and `?` are none of the name's characters.
    static func fold(_ name: String, keepingWildcards: Bool = false) -> String {
        let isPlain = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
            case UInt8(ascii: "."): true
            default: false
            }
        }
        if isPlain, name.utf8.last != UInt8(ascii: ".") { return name }
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars where !scalar.properties.isDefaultIgnorableCodePoint {
            // Of a stream of NTFS, `.git::$INDEX_ALLOCATION`, the name.
            if scalar == ":" { break }
            // Twice: what has one form in capitals alone, `ſ` or the ligature `ﬁ`, becomes that form's small letters.
            for capital in scalar.properties.uppercaseMapping.unicodeScalars {
                result.append(contentsOf: capital.properties.lowercaseMapping.unicodeScalars)
            }
        }
        while let last = result.last, last == "." || last == " " { result.removeLast() }
        let text = String(result)
        return keepingWildcards ? text : long(text)
    }

    /// The name that stands behind a short one of Windows, for the names that git itself reads.
    private static func long(_ name: String) -> String {
        guard let tilde = name.utf8.lastIndex(of: UInt8(ascii: "~")) else { return name }
        let digits = name.utf8[name.utf8.index(after: tilde)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return name }
        switch name[..<tilde] {
        case "git": return ".git"
        case "gitmod": return ".gitmodules"
        case "gitatt": return ".gitattributes"
        default: return name
        }
    }
}

/// One name of a path; compared as Swift's strings are, by canonical equivalence.
struct PathName {
    let text: String
    /// Of ASCII alone, its bytes, which are compared in no time; nil for every other name.
    let bytes: [UInt8]?

    init(_ text: String) {
        self.text = text
        bytes = text.utf8.allSatisfy { $0 < 0x80 } ? Array(text.utf8) : nil
    }
}
