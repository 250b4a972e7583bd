import LinuxKernel
import Review
import Testing

/// docs/landing.md tells of everything that is found, and of nothing that is not.
@Suite struct LandingDocumentationTests {
    private static let page = FileSystem.normalize(#filePath + "/../../../docs/landing.md")

    /// The first cell of each row of a table, and what else stands in it between backticks.
    private func rows(below heading: String) throws -> [(first: String, rest: [String])] {
        let text = String(osBytes: try FileSystem.read(LandingDocumentationTests.page))
        let section = text.split(separator: "\n## ").first { $0.hasPrefix(heading) } ?? ""
        return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let words = line.split(separator: "`", omittingEmptySubsequences: false)
            return (String(words[1]), stride(from: 3, to: words.count, by: 2).map { String(words[$0]) })
        }
    }

    @Test func `every kind, inspection and check has its row`() throws {
        #expect(try rows(below: "What is found").map(\.first) == LandingKind.allCases.map(\.rawValue))
        #expect(try rows(below: "By content").map(\.first) == ContentInspection.allCases.map(\.rawValue))
        #expect(
            try rows(below: "By what a file is").map(\.first) == [
                "set-id", "link-out", "link-instead", "program", "environment", "unreadable", "repository", "name", "special",
            ])
    }

    @Test func `the patterns that are named are rules, of the kind that is named`() throws {
        let rules = try LandingRules.builtIn()
        let rows = try rows(below: "By name")
        #expect(Set(rows.map(\.first)) == Set(rules.map(\.kind.rawValue)))
        for row in rows {
            for pattern in row.rest {
                #expect(rules.contains { $0.pattern.description == pattern && $0.kind.rawValue == row.first }, "\(pattern)")
            }
        }
    }

    @Test func `every rule has a reason that reads on, and stands there once`() throws {
        let rules = try LandingRules.builtIn()
        #expect(rules.count > 400)
        #expect(Set(rules.map(\.pattern.description)).count == rules.count)
        for rule in rules { #expect(rule.reason.count > 8 && rule.reason.last != ".", "\(rule.pattern)") }
    }
}
