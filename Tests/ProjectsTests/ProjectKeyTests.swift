import LinuxKernel
import Projects
import Testing

@Suite("A project's key")
struct ProjectKeyTests {
    @Test(
        "is readable",
        arguments: [
            ("/home/ann/work/my_app", "home-ann-work-my__app"), ("/a/b-c", "a-b_-c"), ("/a-b/c", "a_-b-c"), ("/", "-"),
            ("/.x/.y", "_x2Ex-.y"),
            ("/a b", "a_x20b"), ("/é/日本", "é-日本"), ("/a\nb", "a_x0Ab"),
        ])
    func readable(path: String, key: String) {
        #expect(ProjectKey(path: path).text == key)
    }

    @Test("is the same for the same path only, for all short paths of awkward characters")
    func injective() {
        let alphabet: [UInt8] = Array("/-_xh2E.a".utf8) + [0xFF]
        var seen: [String: [UInt8]] = [:]
        func visit(_ path: [UInt8]) {
            let key = ProjectKey(path: String(osBytes: path)).text
            if let other = seen[key] { Issue.record("\(other) and \(path) both give \(key)") }
            seen[key] = path
            if path.count < 5 { for byte in alphabet { visit(path + [byte]) } }
        }
        for byte in alphabet where byte != UInt8(ascii: "/") { visit([UInt8(ascii: "/"), byte]) }
        #expect(seen.count > 9_000)
    }

    @Test("is a valid file name of at most 200 bytes, with a hash where the path is long")
    func long() {
        let first = "/" + String(repeating: "directory/", count: 60) + "one"
        let second = "/x" + String(repeating: "directory/", count: 60) + "one"
        let keys = [first, second, first + "\u{10FFFF}"].map { ProjectKey(path: $0).text }
        #expect(Set(keys).count == 3)
        for key in keys {
            #expect(key.utf8.count <= 200 && !key.contains("/") && key.utf8.count > 150)
        }
        #expect(keys[0].contains("directory-one_h"))
        #expect(ProjectKey(path: first) == ProjectKey(path: first))
        for length in 150...260 {
            #expect(ProjectKey(path: "/" + String(repeating: "é", count: length)).text.utf8.count <= 200)
        }
    }
}
