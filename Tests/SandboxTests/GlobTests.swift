import Testing

@testable import Sandbox

@Suite struct GlobTests {
    @Test(
        "stars, question marks and letter case",
        arguments: [
            ("*", "", true), ("*", "X", true), ("", "", true), ("", "X", false), ("AWS_*", "AWS_", true), ("AWS_*", "AWS_REGION", true),
            ("AWS_*", "MY_AWS_REGION", false), ("aws_*", "AWS_REGION", true), ("*_TOKEN", "GITHUB_TOKEN", true),
            ("*_TOKEN", "TOKEN", false),
            ("*_TOKEN", "A_TOKEN_B", false), ("*SECRET*", "MY_SECRETS", true), ("LC_?", "LC_X", true), ("LC_?", "LC_", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abbbc", true), ("a*b*c", "acb", false), ("**", "x", true), ("?", "é", false), ("??", "é", true),
        ])
    func matches(_ pattern: String, _ name: String, _ expected: Bool) { #expect(Glob.matches(pattern, name) == expected) }

    @Test("a hostile pattern takes no exponential time")
    func time() {
        let pattern = String(repeating: "*a", count: 200) + "b"
        #expect(!Glob.matches(pattern, String(repeating: "a", count: 2000)))
    }

    @Test("agrees with a plain recursive matcher on random words")
    func oracle() {
        func plain(_ p: Substring, _ n: Substring) -> Bool {
            guard let first = p.first else { return n.isEmpty }
            if first == "*" { return plain(p.dropFirst(), n) || (!n.isEmpty && plain(p, n.dropFirst())) }
            guard let head = n.first, first == "?" || first == head else { return false }
            return plain(p.dropFirst(), n.dropFirst())
        }
        for _ in 0..<3000 {
            let pattern = String((0..<Int.random(in: 0...6)).map { _ in "AB*?".randomElement() ?? "A" })
            let name = String((0..<Int.random(in: 0...6)).map { _ in "AB".randomElement() ?? "A" })
            #expect(Glob.matches(pattern, name) == plain(pattern[...], name[...]), "\(pattern) \(name)")
        }
    }
}
