import TOML
import Testing

@Suite("A TOML document")
struct TOMLParserTests {
    static let values: [(String, String)] = [
        ("a = 1", "i1"), ("a = +99", "i99"), ("a = -0", "i0"), ("a = 1_000", "i1000"),
        ("a = 0xDEAD_beef", "i3735928559"), ("a = 0o755", "i493"), ("a = 0b1101", "i13"),
        ("a = 9223372036854775807", "i9223372036854775807"), ("a = -9223372036854775808", "i-9223372036854775808"),
        ("a = 1.5", "f3ff8000000000000"), ("a = 1e3", "f408f400000000000"), ("a = 1_0.0_1E+0_1", "f4059066666666666"),
        ("a = -inf", "ffff0000000000000"), ("a = nan", "fnan"), ("a = true", "true"), ("a = false # c", "false"),
        ("a = \"\"", "s"), ("a = 'C:\\x'", "s433a5c78"), (#"a = "\u00e9\U0001F600\t\\\"""#, "sc3a9f09f9880095c22"),
        ("a = \"\"\"\nx\n  y\"\"\"", "s780a202079"), ("a = \"\"\"x \\\n   \n  y\"\"\"", "s782079"),
        ("a = \"\"\"\"q\"\"\"\"\"", "s22712222"), ("a = '''\n'x'''''", "s27782727"), ("a = '''x\r\ny'''", "s780a79"),
        ("a = []", "[]"), ("a = [ 1, 2, # c\n 3, \n]", "[i1,i2,i3]"), ("a = [[1], ['x']]", "[[i1],[s78]]"),
        ("a = {}", "{}"), ("a = { b = 1, c.d = 2, c.e = 3 }", "{62:i1,63:{64:i2,65:i3}}"),
        ("a = 1979-05-27T07:32:00Z", "d1979-05-27T07:32:00+00:00"), ("a = 1979-05-27 07:32:00.5", "d1979-05-27T07:32:00.500000"),
        ("a = 1979-05-27", "d1979-05-27"), ("a = 07:32:00", "d07:32:00"), ("a = 2024-02-29", "d2024-02-29"),
        ("a.b.c = 1\na.d = 2", "{62:{63:i1},64:i2}"), ("[a.b]\nc = 1\n[a]\nd = 2", "{62:{63:i1},64:i2}"),
        ("[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2", "[{62:i1},{63:{64:i2}}]"), ("\"a\" = 1", "i1"), ("  a\t=\t1\r\n", "i1"),
        ("[x]\n[a]\nb.c = 1\n[a.b.d]\ne = 2", "{62:{63:i1,64:{65:i2}}}"), ("[a.b.c]\n[a]\nb.d = 1", "{62:{63:{},64:i1}}"),
    ]

    @Test("is read as TOML 1.0 says", arguments: values)
    func reads(text: String, expected: String) throws {
        let document = try parse(text)
        #expect(document.root["a"].map { canonical($0.value) } == expected)
    }

    static let wrong: [(String, Int, Int)] = [
        ("a", 1, 2), ("a =", 1, 4), ("a = 1 b = 2", 1, 7), ("= 1", 1, 1), ("a = x", 1, 5), ("a = 01", 1, 5), ("a = 1__0", 1, 5),
        ("a = 1.", 1, 5), ("a = .5", 1, 5), ("a = 0x", 1, 5), ("a = 9223372036854775808", 1, 5), ("a = \"x", 1, 5),
        ("a = \"\\q\"", 1, 6), ("a = \"\\ud800\"", 1, 6), ("a = \"\u{01}\"", 1, 6), ("# \u{7f}", 1, 3), ("a = 1\rb = 2", 1, 6),
        ("a = [1 2]", 1, 8), ("a = [1", 1, 7), ("a = {b = 1,}", 1, 12), ("a = {b = 1\n}", 1, 11), ("a = 1\na = 2", 2, 1),
        ("[a]\n[a]", 2, 2), ("[a]\n[[a]]", 2, 3), ("a = 1\n[a.b]", 2, 2), ("a = {}\n[a.b]", 2, 2), ("a = {}\na.b = 1", 2, 1),
        ("[a]\nb.c = 1\n[a.b]", 3, 4), ("[a.b]\n[a]\nb.c = 1", 3, 1), ("a = []\n[[a]]", 2, 3), ("[a", 1, 3), ("[[a]", 1, 4),
        ("a = 1979-02-29", 1, 5), ("a = 24:00:00", 1, 5), ("a = 1979-05-27T07:32", 1, 5), ("é = 1", 1, 1),
        ("x = \"é\" y", 1, 9), ("\n\n  a = tru", 3, 7), ("a = '''", 1, 5), ("a.", 1, 3), ("\"\"\"a\"\"\" = 1", 1, 1),
        ("a = \"日本\" # ok\nb = [\"日\", x]", 2, 11), ("\u{FEFF}a = 1", 1, 1), ("a = \"b\nc\"", 1, 5),
    ]

    @Test("that is wrong is refused at the very character", arguments: wrong)
    func refuses(text: String, line: Int, column: Int) throws {
        let found = try #require(failure(text))
        #expect(found.place == "t.toml:\(line):\(column)", "\(found)")
    }

    @Test("knows the place of every key and value")
    func positions() throws {
        let text = "# é\nname = \"x\"\n\n[sandbox]\n  memory = \"4G\" # big\nmounts = [\n  \"a\",\n  \"é\", \"b\"]\nenv = { A = 1, é.b = 2 }\n"
            .replacing("é.b", with: "\"é\".b")
        let root = try parse(text).root
        guard case .table(let sandbox)? = root["sandbox"]?.value else {
            Issue.record("no table")
            return
        }
        #expect(root.entries.map { "\($0.key)@\($0.keyPosition)=\($0.node.position)" } == ["name@2:1=2:8", "sandbox@4:2=4:1"])
        #expect(sandbox.entries.map { "\($0.key)@\($0.keyPosition)=\($0.node.position)" } == ["memory@5:3=5:12", "mounts@6:1=6:10", "env@9:1=9:7"])
        guard case .array(let mounts)? = sandbox["mounts"]?.value else {
            Issue.record("no array")
            return
        }
        #expect(mounts.map { $0.position.description } == ["7:3", "8:3", "8:8"])
        let bytes = Array(text.utf8)
        #expect(mounts.map { String(decoding: bytes[$0.position.range], as: UTF8.self) } == ["\"a\"", "\"é\"", "\"b\""])
        let inner = try #require(root.node(at: ["sandbox", "env", "é", "b"]))
        #expect(inner.position.description == "9:24")
    }

    @Test("tells keys apart by their bytes, not by what they look like")
    func canonicalEquivalence() throws {
        let root = try parse("\"\u{e9}\" = 1\n\"e\u{301}\" = 2").root
        #expect(root.entries.count == 2)
        #expect(root["e\u{301}"].map { canonical($0.value) } == "i2")
    }

    @Test("larger than a megabyte is refused before anything else")
    func size() {
        let huge = [UInt8](repeating: UInt8(ascii: "#"), count: 10 << 20)
        #expect(failure(huge)?.reason.contains("larger than 1048576 bytes") == true)
        #expect(failure([UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)) == nil)
    }

    @Test("that is not UTF-8 is refused at the byte", arguments: [
        ([0x61, 0x0A, 0xC3, 0xA9, 0xFF], "2:2"), ([0x80], "1:1"), ([0xC0, 0xAF], "1:1"), ([0xED, 0xA0, 0x80], "1:1"),
        ([0x20, 0xF4, 0x90, 0x80, 0x80], "1:2"), ([0x20, 0xE2, 0x82], "1:2"), ([0xE0, 0x80, 0x80], "1:1"),
    ] as [([UInt8], String)])
    func encoding(bytes: [UInt8], place: String) {
        #expect(failure(bytes)?.place == "t.toml:\(place)")
    }

    @Test("cannot exhaust the stack by nesting", arguments: [
        "a = " + String(repeating: "[", count: 500_000), "a = " + String(repeating: "{a=", count: 300_000),
        "a" + String(repeating: ".a", count: 400_000) + " = 1", "[" + String(repeating: "a.", count: 400_000) + "a]",
        String(repeating: "a.", count: 60) + "a = " + String(repeating: "[", count: 10),
        "[" + String(repeating: "a.", count: 60) + "a]\nb.c.d.e.f.g.h = 1",
    ])
    func depth(text: String) {
        #expect(failure(text)?.reason == "nested more than 64 levels deep")
    }

    static let large: [@Sendable () -> String] = [
        { (0..<60_000).map { "key\($0) = 1\n" }.joined() }, { "a = [" + String(repeating: "1,", count: 500_000) + "]" },
        { "a = {" + (0..<60_000).map { "k\($0)=1" }.joined(separator: ",") + "}" }, { (0..<60_000).map { "[t\($0)]\n" }.joined() },
        { String(repeating: "[[a]]\n", count: 100_000) }, { String(repeating: "[[a]]\nb=1\n[[a.c]]\n", count: 30_000) },
        { "a = \"" + String(repeating: "\\n", count: 400_000) + "\"" },
        { "a = \"\"\"" + String(repeating: "\"\"a", count: 300_000) + "\"\"\"" },
        { "a = [" + String(repeating: "'x', ", count: 150_000) + "]" }, { (0..<50_000).map { "a.b\($0).c = 1\n" }.joined() },
    ]

    @Test("of a megabyte is read in linear time", arguments: 0..<10)
    func linear(index: Int) throws {
        let text = Self.large[index]()
        let clock = ContinuousClock()
        let time = try clock.measure { _ = try parse(text) }
        // A step per pair of keys would take minutes; the bound is wide because test machines are slow and busy.
        #expect(time < .seconds(20))
    }
}
