import LinuxKernel

/// Which paths a rule is about, in the manner of gitignore(5): `*` any characters of a name, `?` one, `**` any directories. A pattern without a
/// slash within is about that name in any directory, one with a slash about paths from the root on. One that ends in a slash is about the
/// name itself and everything below it.
public struct PathPattern: Sendable, CustomStringConvertible {
    public let description: String
    /// Whether everything below is meant, too.
    let isDirectory: Bool
    private let isFolded: Bool
    private let parts: [Part]

    private enum Part: Sendable {
        case anyDirectories
        case name(String)
        case glob(NamePattern)

        var isAnyDirectories: Bool { if case .anyDirectories = self { true } else { false } }
    }

    /// - Parameter folding: whether names that some file system takes for the same are the same; without, only those are that have the same
    ///   bytes, and a backslash takes the character after it as it is.
    /// - Returns: nil for a pattern that means nothing: empty, or with an empty or relative part.
    public init?(_ text: String, folding: Bool = true) {
        description = text
        isFolded = folding
        var bytes = text.osBytes[...]
        let isAnchored = bytes.first == UInt8(ascii: "/")
        if isAnchored { bytes = bytes.dropFirst() }
        isDirectory = bytes.last == UInt8(ascii: "/")
        if isDirectory { bytes = bytes.dropLast() }
        let names = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String(osBytes: $0) }
        guard names.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
        var parts: [Part] = []
        for name in names {
            if name == "**" {
                parts.append(.anyDirectories)
            } else if folding {
                let pattern = NamePattern(folded: FoldedPath.fold(name, keepingWildcards: true))
                parts.append(pattern.literal.map(Part.name) ?? .glob(pattern))
            } else {
                guard let pattern = NamePattern(exact: name) else { return nil }
                parts.append(pattern.literal.map(Part.name) ?? .glob(pattern))
            }
        }
        // `a/**` at the end: at least one name.
        if names.last == "**" { parts.insert(.glob(NamePattern(folded: "*")), at: parts.count - 1) }
        if names.count == 1, names[0] != "**", !isAnchored { parts.insert(.anyDirectories, at: 0) }
        self.parts = parts
    }

    /// The pattern that accepts this one path, relative to the root, and no other.
    public static func exactly(_ path: String) -> String { "/" + literal(path) }

    /// A name or path as a pattern without wildcards.
    public static func literal(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "*" || scalar == "?" || scalar == "\\" { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }

    /// The one name, in any directory, that this is about; nil for every other pattern.
    var loneName: String? {
        guard parts.count == 2, case .anyDirectories = parts[0], case .name(let name) = parts[1] else { return nil }
        return name
    }

    /// Whether the pattern is about this path, relative to the root.
    public func matches(_ path: String) -> Bool {
        match(isFolded ? FoldedPath(path).names : FileSystem.components(of: path).map(PathName.init)) != nil
    }

    /// How many of the names at the beginning match the whole pattern: all of them, or fewer where a directory is meant. Nil for no match.
    func match(_ names: [PathName]) -> Int? {
        if isDirectory { return names.indices.first { matches(names[...$0]) }.map { $0 + 1 } }
        return matches(names[...]) ? names.count : nil
    }

    private func matches(_ names: ArraySlice<PathName>) -> Bool {
        // A lone name is the last one.
        if parts.count == 2, parts[0].isAnyDirectories, let name = names.last { return matches(parts[1], name) }
        return Wildcard.matches(
            pattern: parts.count, text: names.count, isAny: { parts[$0].isAnyDirectories },
            isMatch: { matches(parts[$0], names[names.startIndex + $1]) })
    }

    private func matches(_ part: Part, _ name: PathName) -> Bool {
        switch part {
        case .anyDirectories: true
        case .name(let text): isFolded ? name.text == text : name.text.utf8.elementsEqual(text.utf8)
        case .glob(let pattern): pattern.matches(name)
        }
    }
}
