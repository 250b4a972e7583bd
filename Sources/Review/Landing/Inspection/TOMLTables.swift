import LinuxKernel
import TOML

/// Tables of TOML files whose contents are executed, or say what is installed: all of them but for those that are known to do no more than describe.
enum TOMLTables {
    /// Keys of `project` and tables of tools that execute nothing.
    static let pyproject: Set<String> = [
        "project.name", "project.version", "project.description", "project.readme", "project.license", "project.license-files",
        "project.authors",
        "project.maintainers", "project.keywords", "project.classifiers", "project.urls", "project.requires-python", "tool.black",
        "tool.isort",
        "tool.ruff", "tool.codespell", "tool.pyright", "tool.basedpyright", "tool.pydocstyle", "tool.typos", "tool.vulture", "tool.yapf",
        "tool.autopep8", "tool.docformatter", "tool.bandit", "tool.djlint", "tool.interrogate",
    ]

    static let cargo: Set<String> = [
        "package.name", "package.version", "package.authors", "package.edition", "package.rust-version", "package.description",
        "package.documentation", "package.readme", "package.homepage", "package.repository", "package.license", "package.license-file",
        "package.keywords", "package.categories", "package.publish", "package.exclude", "package.include",
        "package.default-run",
        "lints.rust", "lints.clippy", "features",
    ]

    static func difference(from before: [UInt8], to after: [UInt8], harmless: Set<String>) -> String? {
        // What is no TOML to coop may be some to another reader: it counts as different.
        guard let old = try? TOMLDocument(parsing: before, name: "before"), let new = try? TOMLDocument(parsing: after, name: "after")
        else {
            return "it cannot be read as TOML"
        }
        let one = values(old.root, harmless)
        let two = values(new.root, harmless)
        var found: Set<String> = []
        for (key, value) in two where one[key].map({ !$0.hasSameContent(as: value) }) ?? true { found.insert(key) }
        for key in one.keys where two[key] == nil { found.insert(key) }
        return ContentInspection.listed(found, [])
    }

    /// What stands in the tables of the document, by their two first keys.
    private static func values(_ root: TOMLTable, _ harmless: Set<String>) -> [String: TOMLValue] {
        var result: [String: TOMLValue] = [:]
        for entry in root.entries where !harmless.contains(entry.key) {
            guard case .table(let table) = entry.node.value else {
                result[entry.key] = entry.node.value
                continue
            }
            for inner in table.entries where !harmless.contains("\(entry.key).\(inner.key)") {
                result["\(entry.key).\(inner.key)"] = inner.node.value
            }
        }
        return result
    }
}
