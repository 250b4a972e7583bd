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
        let lines = bytes.split(separator: 0x0A).map { line in
            String(osBytes: line).split { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }.map(String.init)
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
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        switch parts[0] {
        case "filter", "diff", "merge": return builtIn[parts[0]]?.contains(parts[1]) != true
        default: return false
        }
    }
}
