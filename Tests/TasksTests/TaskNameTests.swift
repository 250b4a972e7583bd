import CoopErrors
import Tasks
import Testing

@Suite struct TaskNameTests {
    @Test(arguments: ["a", "fix-auth", "Fix_1.2", String(repeating: "x", count: 64)])
    func accepted(_ text: String) throws {
        let name = try TaskName(text)
        #expect(name.reference == "refs/heads/coop/" + text)
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "-a", ".a", "a.", "a..b", "a.lock", "a b", "a\n", "a\0", "ä", "a~1", "a^", "a:b", "@{", "HEAD?", "a*",
        String(repeating: "x", count: 65),
    ])
    func refused(_ text: String) { #expect(throws: CoopError.self) { try TaskName(text) } }
}
