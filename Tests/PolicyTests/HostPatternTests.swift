import CoopErrors
import TestSupport
import Testing

@testable import Policy

@Suite("A host pattern")
struct HostPatternTests {
    @Test(
        "is written back as it is meant",
        arguments: [
            ("api.example.com", "api.example.com"), ("API.example.com.:8443", "api.example.com:8443"), ("*.example.org", "*.example.org"),
            ("*.example.org:22", "*.example.org:22"), ("203.0.113.7:22", "203.0.113.7:22"), ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
            ("[2001:db8::1]", "[2001:db8::1]"), ("*.bücher.example", "*.xn--bcher-kva.example"), ("localhost:5432", "localhost:5432"),
        ])
    func forms(written: String, expected: String) throws {
        let pattern = try HostPattern(parsing: written)
        #expect(pattern.description == expected)
        #expect(try HostPattern(parsing: expected) == pattern)
    }

    @Test(
        "says what is wrong, and what to write",
        arguments: [
            ("*", "every host", "--network open"), ("*.", "every host", "--network open"), ("*.com", "every name below", "*.example.com"),
            ("https://api.example.com/v1", "it is a URL", "`api.example.com`"), ("a*.example.com", "only in front", "*.example.com"),
            ("*.*.example.com", "may hold", ""), (".example.com", "begins with a dot", "`*.example.com`"),
            ("2001:db8::1", "in brackets", "[2001:db8::1]"),
            ("[2001:db8::1", "not closed", "[2001:db8::1]:443"), ("[example.com]", "no IPv6 address", "[2001:db8::1]"),
            ("a.example:0", "no valid port", ":443"),
            ("a.example:65536", "no valid port", ":443"), ("a.example:", "no valid port", ":443"),
            ("a.example:+1", "no valid port", ":443"),
            ("127.1", "a number or an address", "four decimal"), ("", "it is empty", "api.example.com"),
            ("a b.example", "a space", "api.example.com"),
            ("http://user:secret@api.example.com:81/x", "it is a URL", "`api.example.com:81`"),
        ])
    func errors(written: String, why: String, next: String) {
        let error = #expect(throws: CoopError.self) { try HostPattern(parsing: written) }
        if written == "*.*.example.com" {
            #expect(error?.why.contains("`*`") == true)
            return
        }
        #expect(error?.why.contains(why) == true, "\(error?.message ?? "")")
        #expect(error?.next?.contains(next) == true, "\(error?.next ?? "")")
        #expect(error?.description.contains("secret") == (written.contains("secret") ? true : false))
    }

    @Test("covers what it names and nothing beside")
    func covers() throws {
        let suffix = try HostPattern(parsing: "*.example.com")
        for (host, expected) in [
            ("a.example.com", true), ("a.b.example.com", true), ("example.com", false), ("evilexample.com", false),
            ("example.com.evil.org", false),
            ("192.0.2.1", false),
        ] {
            #expect(try suffix.covers(Destination(untrusted: host.utf8)) == expected, "\(host)")
        }
        let mapped = try HostPattern(parsing: "192.0.2.1:80")
        #expect(try mapped.covers(Destination(untrusted: "[::ffff:c000:201]".utf8)))
        #expect(try !mapped.covers(Destination(untrusted: "192.0.2.2".utf8)))
    }

    @Test("never crashes on any text")
    func fuzz() {
        var random = SeededGenerator(4)
        let parts = ["*", ".", "example", "com", ":", "443", "[", "]", "::1", "é", "\u{0}", "://", "@", "0x", " ", "а", "\u{308}", "-"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...7, using: &random)).map { _ in random.pick(parts) }.joined()
            if let pattern = try? HostPattern(parsing: text) {
                #expect((try? HostPattern(parsing: pattern.description)) == pattern, "\(text)")
            }
            _ = try? ProxyAddress(parsing: "http://" + text)
            _ = try? HostOverride(parsing: text, target: text, origin: "test")
            _ = try? PathPattern(parsing: "/" + text)
        }
    }
}
