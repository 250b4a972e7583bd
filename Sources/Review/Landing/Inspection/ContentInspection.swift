/// What is looked at inside of a file, so that changes that do no harm are not asked about.
public enum ContentInspection: String, Sendable, CaseIterable {
    /// Attributes that make git run a program (gitattributes(5)).
    case attributes
    /// Keys of `package.json` but for those that only describe.
    case packageJSON = "package-json"
    /// The same of `composer.json`.
    case composerJSON = "composer-json"
    /// Tables of `pyproject.toml` but for those that only describe.
    case pyproject
    /// Tables of `Cargo.toml` but for those that only describe.
    case cargoTOML = "cargo-toml"
    /// Where a lock file has things fetched from.
    case sources
    /// Lines of `go.mod` that choose a toolchain, run a tool, or replace a module.
    case goMod = "go-mod"

    /// What is different, in a few words; nil when nothing of that sort is. Contents that cannot be understood count as different.
    func difference(from before: [UInt8], to after: [UInt8]) -> String? {
        switch self {
        case .attributes: GitAttributes.difference(from: before, to: after)
        case .packageJSON: JSONKeys.difference(from: before, to: after, harmless: JSONKeys.package)
        case .composerJSON: JSONKeys.difference(from: before, to: after, harmless: JSONKeys.composer)
        case .pyproject: TOMLTables.difference(from: before, to: after, harmless: TOMLTables.pyproject)
        case .cargoTOML: TOMLTables.difference(from: before, to: after, harmless: TOMLTables.cargo)
        case .sources: FetchSources.difference(from: before, to: after)
        case .goMod: GoModule.difference(from: before, to: after)
        }
    }
}

extension ContentInspection {
    /// What both sets do not share, for a message: at most a few.
    static func listed(_ before: Set<String>, _ after: Set<String>) -> String? {
        let all = before.symmetricDifference(after).sorted()
        if all.isEmpty { return nil }
        let shown = all.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
        return all.count > 5 ? "\(shown) and \(all.count - 5) more" : shown
    }
}
