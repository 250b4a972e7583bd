import Glibc
import LinuxKernel
import Review
import Testing

/// Every rule, against every way that leads to a file of such a name, and every spelling that some file system takes for it.
@Suite struct LandingVariantTests {
    /// A path that a pattern is about.
    private static func example(_ pattern: String) -> String {
        var path = pattern.hasPrefix("/") ? String(pattern.dropFirst()) : pattern
        path = path.replacing("**/", with: "").replacing("*", with: "x").replacing("?", with: "x")
        return path.hasSuffix("/") ? path + "file" : path
    }

    /// What no inspection takes for harmless, after an empty file.
    private static func content(_ inspection: ContentInspection?) -> String {
        switch inspection {
        case .attributes: "* filter=x\n"
        case .sources: "https://evil.example/x\n"
        case .goMod: "toolchain go9\n"
        case .packageJSON, .composerJSON, .pyproject, .cargoTOML: "["
        case nil: "content\n"
        }
    }

    private let rules: [LandingRule]
    private let gate: LandingGate

    init() throws {
        rules = try LandingRules.builtIn()
        gate = LandingGate(rules: rules, root: "/nonexistent/tree")
    }

    private func isFound(_ change: Change) -> Bool {
        gate.findings(in: [change]).contains { finding in rules.contains { $0.pattern.description == finding.rule } }
    }

    @Test func `each is found new, changed, moved there, as a link, and in place of something else`() {
        for rule in rules {
            let path = LandingVariantTests.example(rule.pattern.description)
            let content = LandingVariantTests.content(rule.inspection)
            let new = FileVersion.file(content)
            for change in [
                Change(path: path, before: nil, after: new), Change(path: path, before: .file(""), after: new),
                Change(path: path, before: nil, after: new, origin: "notes/plain.txt"),
                Change(path: path, before: nil, after: .symlink("notes/plain.txt")),
                Change(path: path, before: .symlink("plain.txt"), after: new), Change(path: path, before: .directory, after: new),
            ] { #expect(isFound(change), "\(rule.pattern): \(change)") }
            // Of the same length: the bytes decide.
            let other = String(content.map { $0 == "x" ? "y" : $0 == "c" ? "d" : $0 })
            if rule.inspection == nil { #expect(isFound(Change(path: path, before: .file(other), after: new)), "\(rule.pattern)") }
            if [.git, .agent, .coop].contains(rule.kind) {
                #expect(isFound(Change(path: path, before: new, after: nil)), "\(rule.pattern) removed")
            }
        }
    }

    @Test func `each is found in other spellings`() {
        for rule in rules {
            let path = LandingVariantTests.example(rule.pattern.description)
            let content = FileVersion.file(LandingVariantTests.content(rule.inspection))
            var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            func with(_ part: (String) -> String) -> String {
                var copy = parts
                copy[0] = part(copy[0])
                return copy.joined(separator: "/")
            }
            var spellings = [
                path.uppercased(), with { "\u{200B}" + $0 }, with { $0.prefix(1) + "\u{200C}" + $0.dropFirst() }, with { $0 + "." },
                with { $0 + " " }, with { $0 + "::$DATA" }, with { $0 + "\u{FEFF}" }, path.replacing("k", with: "\u{212A}"),
                path.replacing("s", with: "\u{17F}"),
            ]
            if parts.count > 1 { spellings.append(parts.joined(separator: "\\")) }
            // Wherever it is, unless the rule says where.
            let pattern = rule.pattern.description
            let isAnywhere = pattern.hasPrefix("**/") || !pattern.dropLast().contains("/")
            if isAnywhere { spellings += ["sub/" + path, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/" + path] }
            parts[parts.count - 1] += " . ."
            spellings.append(parts.joined(separator: "/"))
            for spelling in spellings {
                #expect(isFound(Change(path: spelling, before: nil, after: content)), "\(rule.pattern): \(spelling.printable)")
            }
        }
    }

    @Test func `a document is no instruction, where letters are told apart`() throws {
        let scratch = try Scratch()
        let gate = LandingGate(rules: rules, root: scratch("tree"))
        try scratch.write("tree/docs/index.md", [])
        try scratch.write("tree/README", [])
        func isFound(_ path: String) -> Bool { !gate.findings(in: [Change(path: path, before: nil, after: .file("x"))]).isEmpty }
        for path in ["docs/agents.md", "docs/Agents.md", "docs/new/deep/claude.md", "a/b/gemini.md"] { #expect(!isFound(path), "\(path)") }
        // In the root some agents read these; and these are the names themselves, or others that are taken for them.
        for path in [
            "agents.md", "gemini.md", "docs/AGENTS.md", "docs/AGENTS.MD", "docs/agents\u{200B}.md", "docs/agents.md.", "docs\\agents.md",
            "docs/agents.md::$DATA", "docs/skills/x/skill.md", "docs/ag\u{200D}ents.md",
        ] { #expect(isFound(path), "\(path.printable)") }
        // Where nothing tells, or both spellings are one file, as on a file system that does not care.
        try FileSystem.makeDirectories(scratch("tree/empty"))
        #expect(isFound("empty/agents.md"))
        try scratch.write("tree/one/README", [])
        link(scratch("tree/one/README"), scratch("tree/one/readme"))
        #expect(isFound("one/agents.md") && isFound("one/new/agents.md"))
        // The user's own rule, in small letters, holds everywhere.
        let own = LandingGate(
            rules: rules + (try LandingRules.parse(Array("agents.md agent mine follows it\n".utf8), name: "x")), root: scratch("tree"))
        #expect(own.findings(in: [Change(path: "docs/agents.md", before: nil, after: .file("x"))]).map(\.reason) == ["mine follows it"])
    }
}
