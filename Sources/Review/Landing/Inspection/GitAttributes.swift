import LinuxKernel

/// Attributes that make git run programs: filters, drivers for differences and for merges (gitattributes(5)).
enum GitAttributes {
    static func difference(from before: [UInt8], to after: [UInt8]) -> String? {
        ContentInspection.listed(drivers(before), drivers(after))
    }

    /// Drivers that git has itself: no program of the configuration's.
    private static let builtIn: [String: Set<String>] = [
        "diff": [
            "ada", "bash", "bibtex", "cpp", "csharp", "css", "dts", "elixir", "fortran", "fountain", "golang", "html", "java", "kotlin",
            "markdown", "matlab", "objc", "pascal", "perl", "php", "python", "ruby", "rust", "scheme", "tex",
        ],
        "merge": ["text", "binary", "union"],
    ]

    /// `*.psd filter=lfs` for each of them.
    private static func drivers(_ bytes: [UInt8]) -> Set<String> {
        // git passes over a mark of the byte order, and its blanks are bytes: what stands on one is no part of it.
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        let lines = text.split(separator: 0x0A).map { line in
            line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }.map { String(osBytes: $0) }
        }
        // Macros that set such attributes stand for them.
        var macros: Set<String> = []
        for words in lines {
            guard let first = words.first, first.hasPrefix("[attr]"), words.dropFirst().contains(where: isDriver) else { continue }
            macros.insert(String(first.dropFirst(6)))
        }
        var result: Set<String> = []
        for words in lines {
            guard let pattern = words.first, !pattern.hasPrefix("#") else { continue }
            for word in words.dropFirst() where isDriver(word) || macros.contains(word) { result.insert("\(pattern) \(word)") }
        }
        return result
    }

    private static func isDriver(_ word: String) -> Bool {
        // Taken away, what is kept encrypted is committed as it is.
        if ["-filter", "!filter"].contains(word) { return true }
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        switch parts[0] {
        case "filter", "diff", "merge": return builtIn[parts[0]]?.contains(parts[1]) != true
        default: return false
        }
    }
}
