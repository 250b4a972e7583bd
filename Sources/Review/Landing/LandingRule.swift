import LinuxKernel

/// A pattern of paths whose contents the host would execute or trust, and why.
public struct LandingRule: Sendable {
    public var pattern: PathPattern
    public var kind: LandingKind
    /// What has to differ inside for the rule to apply; nil where any difference counts.
    public var inspection: ContentInspection?
    /// Who executes or trusts it: the end of a sentence about the path.
    public var reason: String
    /// Of a convention that is a name in capitals, `AGENTS.md`, that name: documents are called by the same word in small letters, and an
    /// agent finds those only where the file system does not tell them apart.
    let capitals: [UInt8]?

    public init(pattern: PathPattern, kind: LandingKind, inspection: ContentInspection? = nil, reason: String) {
        self.pattern = pattern
        self.kind = kind
        self.inspection = inspection
        self.reason = reason
        let name = FileSystem.lastComponent(of: pattern.description).osBytes
        let isCapital = kind == .agent && pattern.loneName != nil && name.suffix(3).elementsEqual(".md".utf8)
        capitals = isCapital && !name.dropLast(3).contains { $0 >= 0x61 && $0 <= 0x7A } ? name : nil
    }

    /// Whether the name is that of the convention but for small letters in it.
    func isInSmallLetters(_ name: String) -> Bool {
        guard let capitals else { return false }
        let bytes = name.osBytes
        func lowered(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 32 : $0 } }
        let stem = bytes.prefix { $0 != UInt8(ascii: ".") }
        return lowered(bytes) == lowered(capitals) && stem.contains { $0 >= 0x61 && $0 <= 0x7A }
    }
}
