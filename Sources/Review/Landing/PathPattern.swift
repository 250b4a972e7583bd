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
    ///   characters.
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
        guard names.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }), names.count <= 16 else { return nil }
        var parts: [Part] = names.map { name in
            if name == "**" { return .anyDirectories }
            let folded = folding ? FoldedPath.fold(name, keepingWildcards: true) : name
            return folded.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } ? .glob(NamePattern(folded)) : .name(folded)
        }
        if names.count == 1, names[0] != "**", !isAnchored { parts.insert(.anyDirectories, at: 0) }
        self.parts = parts
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
        if isDirectory { return names.indices.first { matches(parts[...], names[...$0]) }.map { $0 + 1 } }
        return matches(parts[...], names[...]) ? names.count : nil
    }

    private func matches(_ parts: ArraySlice<Part>, _ names: ArraySlice<PathName>) -> Bool {
        guard let part = parts.first else { return names.isEmpty }
        switch part {
        case .anyDirectories:
            // `a/**` at the end: at least one name.
            if parts.count == 1 { return !names.isEmpty }
            // A lone name is the last one.
            if parts.count == 2, let last = parts.last, !last.isAnyDirectories {
                return !names.isEmpty && matches(parts.dropFirst(), names.suffix(1))
            }
            return (names.startIndex...names.endIndex).contains { matches(parts.dropFirst(), names[$0...]) }
        case .name(let text):
            guard let name = names.first, name.text == text else { return false }
            return matches(parts.dropFirst(), names.dropFirst())
        case .glob(let pattern):
            guard let name = names.first, pattern.matches(name) else { return false }
            return matches(parts.dropFirst(), names.dropFirst())
        }
    }
}
