import TOML
import TestSupport
import Testing

@Suite("Editing a TOML document")
struct TOMLEditingTests {
    static func edit(_ text: String, _ key: String, _ value: TOMLValue?) throws -> String? {
        let path = try TOMLDocument.keyPath(parsing: key)
        let document = try parse(text)
        if let value { return String(decoding: try document.setting(path, to: value).bytes, as: UTF8.self) }
        return try document.removing(path).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    static let setCases: [(String, String, TOMLValue, String)] = [
        ("", "a", .integer(1), "a = 1\n"),
        ("", "a.b", .string("x\"\n"), "[a]\nb = \"x\\\"\\n\"\n"),
        ("# c\na = 1 # one\nb = 2", "a", .integer(7), "# c\na = 7 # one\nb = 2"),
        ("a = 1 # one", "b", .boolean(true), "a = 1 # one\nb = true\n"),
        ("a = 1\r\n", "b", .float(2), "a = 1\r\nb = 2.0\r\n"),
        ("# top\n\n# about t\n[t]\nx = 1\n", "a", .integer(1), "# top\n\na = 1\n\n# about t\n[t]\nx = 1\n"),
        ("a = 1\n\n[t]\n  x = 1\n\n[u]\n", "t.y", .integer(2), "a = 1\n\n[t]\n  x = 1\n  y = 2\n\n[u]\n"),
        ("[t] # head\n\n[u]\n", "t.y", .integer(2), "[t] # head\ny = 2\n\n[u]\n"),
        ("[t]", "t.y", .integer(2), "[t]\ny = 2\n"),
        ("[a.b]\nx = 1\n", "a.y", .integer(2), "[a.b]\nx = 1\n\n[a]\ny = 2\n"),
        ("[a]\nx = 1\n", "a.b.c", .strings(["p", "q"]), "[a]\nx = 1\n\n[a.b]\nc = [\"p\", \"q\"]\n"),
        ("t = { x = 1 } # c\n", "t.y", .integer(2), "t = { x = 1, y = 2 } # c\n"),
        ("t = {}\n", "t.y.z", .integer(2), "t = { y.z = 2 }\n"),
        ("t = { u = { x = 1 }, v = 2 }\n", "t.u.x", .integer(9), "t = { u = { x = 9 }, v = 2 }\n"),
        ("[s]\na.b = 1\nz = 0\n", "s.a.c", .integer(2), "[s]\na.b = 1\na.c = 2\nz = 0\n"),
        ("a.b.c = 1\n", "a.d", .integer(2), "a.b.c = 1\na.d = 2\n"),
        ("t = { a.b = 1 }\n", "t.a.c", .integer(2), "t = { a.b = 1, a.c = 2 }\n"),
        (
            "[network.hosts]\n\"x.org\" = 'y'\n", "network.hosts.\"a.b\"", .string("c"),
            "[network.hosts]\n\"x.org\" = 'y'\n\"a.b\" = \"c\"\n"
        ),
        ("a = [\n  1,\n  2,\n]\nb = 1\n", "a", .array([]), "a = []\nb = 1\n"),
        ("a = '''\nx\n''' # c\n", "a", .string("y"), "a = \"y\" # c\n"),
        ("a = 1\n[[g]]\nn = 1\n", "b", .integer(2), "a = 1\nb = 2\n[[g]]\nn = 1\n"),
        ("[[g]]\nn = 1\n", "h.i", .integer(2), "[[g]]\nn = 1\n\n[h]\ni = 2\n"),
    ]

    static let tables = "# top\na = 1\n\n[[g]]\nn = 1 # one\n\n# about two\n[[g]]\nn = 2\nd = { x = 1 }\n\n[t]\ny = 1\n"

    @Test("adds a table to an array of tables at the end, and leaves the rest as it was")
    func appending() throws {
        let pair: [(key: String, value: TOMLValue)] = [("n", .integer(3)), ("l m", .strings(["x"]))]
        let added = "[[g]]\nn = 3\n\"l m\" = [\"x\"]\n"
        for (text, wanted) in [
            ("", added), ("a = 1", "a = 1\n\n" + added), (Self.tables, Self.tables + "\n" + added), ("[[g]]\n", "[[g]]\n\n" + added),
            ("[g2]\nx = 1\n", "[g2]\nx = 1\n\n" + added), ("a = 1\r\n", "a = 1\r\n\r\n[[g]]\r\nn = 3\r\n\"l m\" = [\"x\"]\r\n"),
        ] {
            #expect(String(decoding: try parse(text).appending(pair, to: "g").bytes, as: UTF8.self) == wanted)
        }
        for text in ["g = []\n", "g = [{ n = 1 }]\n", "g = 1\n", "[g]\nn = 1\n", "g.h = 1\n"] {
            #expect(throws: TOMLError.self) { try parse(text).appending(pair, to: "g") }
        }
    }

    @Test("removes a table of an array of tables, and leaves the rest as it was")
    func removingElements() throws {
        #expect(
            String(decoding: try parse(Self.tables).removing(element: 1, of: "g").bytes, as: UTF8.self)
                == "# top\na = 1\n\n[[g]]\nn = 1 # one\n\n# about two\n\n[t]\ny = 1\n")
        // A comment is not lost unasked.
        #expect(throws: TOMLError.self) { try parse(Self.tables).removing(element: 0, of: "g") }
        #expect(String(decoding: try parse("[[g]]\nn = 1\n").removing(element: 0, of: "g").bytes, as: UTF8.self) == "")
        #expect(
            String(decoding: try parse("a = 1\n\n[[g]]\nn = 1\n\n[[g]]\n").removing(element: 0, of: "g").bytes, as: UTF8.self)
                == "a = 1\n\n[[g]]\n")
        #expect(
            String(decoding: try parse("a = 1\r\n\r\n[[g]]\r\nn = 1\r\n").removing(element: 0, of: "g").bytes, as: UTF8.self) == "a = 1\r\n"
        )
        for text in ["g = [{ n = 1 }]\n", "[[g]]\nn = 1\n[g.h]\nx = 1\n", "a = 1\n", "[[g]]\nn = 1\n[[g.h]]\nx = 1\n"] {
            #expect(throws: TOMLError.self) { try parse(text).removing(element: 0, of: "g") }
        }
        #expect(throws: TOMLError.self) { try parse("[[g]]\n").removing(element: 1, of: "g") }
    }

    @Test("sets a key and leaves the rest as it was", arguments: TOMLEditingTests.setCases.indices)
    func sets(index: Int) throws {
        let (text, key, value, expected) = Self.setCases[index]
        #expect(try Self.edit(text, key, value) == expected)
    }

    static let removalCases: [(String, String, String?)] = [
        ("a = 1 # one\n# two\nb = 2\n", "a", "# two\nb = 2\n"), ("a = 1\nb = 2", "b", "a = 1\n"), ("a = 1", "b", nil),
        ("a = 1", "a.b", nil),
        ("[t]\nx = 1\n\n[u]\ny = 2\n", "u.y", "[t]\nx = 1\n\n[u]\n"), ("t = { x = 1, y = 2, z = 3 }\n", "t.x", "t = { y = 2, z = 3 }\n"),
        ("t = { x = 1, y = 2, z = 3 }\n", "t.y", "t = { x = 1, z = 3 }\n"), ("t = { x = 1, y = 2 }\n", "t.y", "t = { x = 1 }\n"),
        ("t = { x = 1 }\n", "t", ""), ("a.b = 1\na.c = 2\n", "a.b", "a.c = 2\n"), ("a.b = 1\nc = 2\n", "a.b", "c = 2\n"),
        ("a = [\n 1,\n 2\n]\nb = 1\n", "a", "b = 1\n"), ("t = { x = 1 }\n", "t.x", "t = {  }\n"),
        ("a = 1\n[t]\nx = 1\ny = [\n2]\n# c\n[u]\n", "t", "a = 1\n# c\n[u]\n"), ("[s.t]\nx = 1\n", "s.t", ""),
        ("[s]\n[s.t]\n", "s.t", "[s]\n"),
        ("t = { x = { y = 1 }, z.w = 2 }\n", "t.z.w", "t = { x = { y = 1 } }\n"),
    ]

    @Test("unsets a key and leaves the rest as it was", arguments: TOMLEditingTests.removalCases.indices)
    func removals(index: Int) throws {
        let (text, key, expected) = Self.removalCases[index]
        #expect(try Self.edit(text, key, nil) == expected)
    }

    @Test(
        "refuses what it cannot do safely, at its place",
        arguments: [
            ("[t]\nx = 1\n", "t", "1:1", "it is a table"), ("[[g]]\nx = 1\n", "g", "1:1", "array of tables"),
            ("[[g]]\nx = 1\n", "g.x", "1:1", "unclear which element"), ("a = 1\n", "a.b", "1:5", "is an integer, not a table"),
            ("a = [ 1, # one\n]\n", "a", "1:5", "comments that would be lost"), ("a.b = 1\n", "a", "1:1", "it is a table"),
        ])
    func refusals(text: String, key: String, place: String, reason: String) throws {
        let error = #expect(throws: TOMLError.self) { try Self.edit(text, key, .integer(2)) }
        #expect(error?.place == "t.toml:\(place)")
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test(
        "does not remove a table whose comments or parts elsewhere would be lost",
        arguments: ["[t]\nx = 1 # c\n", "[t]\n[t.u]\n", "[[t]]\n"])
    func tableRemoval(text: String) throws {
        #expect(throws: TOMLError.self) { try Self.edit(text, "t", nil) }
    }

    @Test("leaves every other line alone, in generated documents")
    func property() throws {
        var generator = SeededGenerator(7)
        var changed = 0
        for round in 0..<fuzzIterations(3000) {
            let text = DocumentGenerator.document(&generator)
            guard let document = try? parse(text) else { continue }
            var path = DocumentGenerator.existingPath(document.root, &generator)
            if Bool.random(using: &generator) || path.isEmpty { path.append("new\(round % 3)") }
            let value = TOMLValue.string("round \(round)")
            if let edited = try? document.setting(path, to: value) {
                changed += 1
                #expect(edited.root.node(at: path)?.value.hasSameContent(as: value) == true)
                // What differs is one contiguous run: each line outside it stands unchanged, in order.
                let before = document.bytes.split(separator: 10, omittingEmptySubsequences: false)
                let after = edited.bytes.split(separator: 10, omittingEmptySubsequences: false)
                let head = zip(before, after).prefix { $0 == $1 }.count
                let tail = zip(before.dropFirst(head).reversed(), after.dropFirst(head).reversed()).prefix { $0 == $1 }.count
                let old = document.root.node(at: path)
                if old == nil {
                    // Only lines are added, or one line grows (an inline table).
                    #expect(before.count - head - tail <= 1, "\(text)\n---\n\(String(decoding: edited.bytes, as: UTF8.self))")
                } else if let old {
                    let lines = document.bytes[old.position.range].count { $0 == 10 } + 1
                    #expect(before.count - head - tail <= lines)
                }
                guard let undone = try? edited.removing(path) else { continue }
                #expect(undone.root.node(at: path) == nil)
            }
        }
        #expect(changed > 0)
    }
}
