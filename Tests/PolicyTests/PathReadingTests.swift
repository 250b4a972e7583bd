import TestSupport
import Testing

@testable import Policy

@Suite("A path")
struct PathReadingTests {
    func read(_ path: String) -> (String, String)? {
        guard case .readable(let literal, let separated) = PathReading.read(Array(path.utf8)) else { return nil }
        return (String(decoding: literal, as: UTF8.self), String(decoding: separated, as: UTF8.self))
    }

    @Test(
        "has up to two readings",
        arguments: [
            ("/a/b", "/a/b", "/a/b"), ("/", "/", "/"), ("/a/", "/a/", "/a/"), ("/%61/%7e", "/a/~", "/a/~"), ("/a%2fb", "/a%2Fb", "/a/b"),
            ("/@scope%2Fname", "/@scope%2Fname", "/@scope/name"), ("/a;v=1/b", "/a;v=1/b", "/a/b"), ("/a;x", "/a;x", "/a"),
            ("/%24x", "/$x", "/$x"),
            ("/a%20b", "/a%20b", "/a%20b"), ("/%c3%a4", "/%C3%A4", "/%C3%A4"), ("/a%3bb/c", "/a%3Bb/c", "/a/c"),
            ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
            ("/...", "/...", "/..."), ("/a..b", "/a..b", "/a..b"), ("/50%25", "/50%25", "/50%25"),
        ])
    func readings(path: String, literal: String, separated: String) throws {
        let found = try #require(read(path))
        #expect(found.0 == literal && found.1 == separated)
    }

    @Test(
        "is ambiguous when servers may read it in yet another way",
        arguments: [
            "", "*", "a", "http://a.example/", "/..", "/.", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/a/%2E", "/a/.%2e/b", "/a//b", "//a",
            "/a/%2f/b", "/a%2F",
            "/a%2F..%2Fb", "/..;/a", "/..;x/a", "/a/..;x", "/a;/..", "/a;x%2f../b", "/;/a", "/a\\b", "/a%5cb", "/a%00b", "/a%0d%0ab",
            "/a%7f", "/a\u{0}b", "/a b", "/a\tb",
            "/%252e%252e/", "/%", "/%2", "/%zz", "/a%", "/ä", "/a#b", "/a\"b", "/a<b", "/a|b", "/%c0%ae%c0%ae/", "/%c0%af", "/%f5x",
        ])
    func ambiguous(path: String) {
        // A slash at the end, however it is written, is a path of its own and not ambiguous.
        if path == "/a%2F" { return #expect(read(path)?.1 == "/a/") }
        #expect(read(path) == nil, "\(path)")
    }

    @Test("that is plain reads as itself")
    func plain() {
        var random = SeededGenerator(5)
        let parts = [
            "/", "a", "bc", ".", "..", "%2e", "%2F", ";", "_x", "-", "$", "%41", "~", "@", "repos", "0123456789", "é", "\\", "%", "Z9",
        ]
        for _ in 0..<50_000 {
            let path = Array(("/" + (0..<Int.random(in: 0...10, using: &random)).map { _ in random.pick(parts) }.joined()).utf8)
            let reading = PathReading.read(path)
            if path.withUnsafeBytes({ PathReading.isPlain($0) }) {
                #expect(reading == .readable(literal: path, separated: path))
                let target = path + (random.chance(2) ? Array("?a=/b/".utf8) : [])
                let plain = target.withUnsafeBytes { PathReading.plain($0) }
                #expect(plain?.count == path.count)
                if path.count < 64 {
                    #expect(plain?.slashes == path.indices.reduce(UInt64(0)) { path[$1] == UInt8(ascii: "/") ? $0 | 1 << UInt64($1) : $0 })
                }
            } else if case .readable(let literal, let separated) = reading, literal == path, separated == path {
                // Only a segment that begins with a dot is read carefully though it is itself.
                #expect(String(decoding: path, as: UTF8.self).utf8Range(of: "/.") != nil)
            }
            // A reading has no other reading than itself.
            if case .readable(let literal, let separated) = reading {
                guard case .readable(let again, _) = PathReading.read(literal) else { Issue.record("\(literal)"); continue }
                #expect(again == literal)
                #expect(PathReading.read(separated) == .readable(literal: separated, separated: separated))
            }
        }
        #expect(PathReading.read([UInt8](repeating: 0x2F, count: 1) + [UInt8](repeating: 0x61, count: 8192)) == .ambiguous)
    }

    @Test("of any bytes is ambiguous, or absolute and without anything that a server could take for another step")
    func fuzz() {
        var random = SeededGenerator(6)
        var readable = 0
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            for path in [bytes, [0x2F] + bytes.prefix(4), [0x2F] + bytes.prefix(12).map { $0 % 16 + 0x2C }] {
                guard case .readable(let literal, let separated) = PathReading.read(path) else {
                    #expect(!path.withUnsafeBytes { PathReading.isPlain($0) }, "\(path)")
                    continue
                }
                readable += 1
                for reading in [literal, separated] {
                    #expect(reading.first == 0x2F && reading.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }, "\(path)")
                    let text = String(decoding: reading, as: UTF8.self)
                    #expect(text.utf8Range(of: "//") == nil, "\(path)")
                    #expect(!text.split(separator: "/").contains { $0 == "." || $0 == ".." }, "\(path)")
                }
            }
        }
        #expect(readable > 1000, "\(readable)")
    }
}
