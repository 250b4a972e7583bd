import CoopErrors
import TestSupport
import Testing

@testable import Policy

@Suite("A host name")
struct HostNameTests {
    func problem(_ bytes: [UInt8]) -> HostNameProblem? {
        do throws(HostNameProblem) {
            _ = try HostName(untrusted: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "has one spelling",
        arguments: [
            ("example.com", "example.com"), ("EXAMPLE.Com", "example.com"), ("example.com.", "example.com"), ("a_b.example", "a_b.example"),
            ("localhost", "localhost"), ("r3---sn-4g5e.example.com", "r3---sn-4g5e.example.com"), ("1.2.3.4.example", "1.2.3.4.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("_dmarc.example.com", "_dmarc.example.com"), ("0xyz.example.com", "0xyz.example.com"),
        ])
    func spelling(written: String, expected: String) throws {
        #expect(try HostName(untrusted: written.utf8).text == expected)
    }

    @Test(
        "is refused when anybody could read it as something else",
        arguments: [
            ("", HostNameProblem.empty), (".", .empty), ("..", .emptyLabel), ("example..com", .emptyLabel), (".example.com", .emptyLabel),
            ("example.com..", .emptyLabel), ("-a.example", .hyphen), ("a-.example", .hyphen), ("example.com\u{0}", .forbidden(0)),
            ("example.com\u{0}.evil.example", .forbidden(0)), ("exa mple.com", .forbidden(0x20)), ("example.com\r\n", .forbidden(0x0D)),
            ("exa%6dple.com", .forbidden(0x25)), ("a@example.com", .forbidden(0x40)), ("example.com/", .forbidden(0x2F)),
            ("example.com\\x", .forbidden(0x5C)), ("a.exam_ple", .forbidden(0x5F)), ("bücher.example", .notASCII),
            ("例え.example", .notASCII),
            ("example。com", .notASCII), ("example.com:443", .address), ("*.example.com", .forbidden(0x2A)),
            ("xn--.example", .hyphen), ("xn--a-.example", .hyphen), ("xn--99999999.example", .invalidInternational),
            ("xn--abc\u{7F}.example", .forbidden(0x7F)), ("2130706433", .address), ("0x7f000001", .address), ("0x7f.1", .address),
            ("0177.0.0.1", .address), ("127.1", .address), ("127.0.0.1", .address), ("127.0.0.1.", .address), ("1.2.3.4.5", .address),
            ("example.0x", .address), ("example.0xa", .address), ("example.123", .address), ("0X7F.0.0.1", .address), ("[::1]", .address),
            ("::1", .address), ("::ffff:127.0.0.1", .address), ("[::ffff:7f00:1]", .address),
        ])
    func refused(written: String, expected: HostNameProblem) {
        #expect(problem(Array(written.utf8)) == expected)
    }

    @Test("has labels of at most 63 bytes and 253 in all")
    func lengths() throws {
        let label = String(repeating: "a", count: 63)
        #expect(try HostName(untrusted: "\(label).example".utf8).text == "\(label).example")
        #expect(problem(Array("\(label)a.example".utf8)) == .labelTooLong)
        let long = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(long.utf8.count == 253)
        #expect(try HostName(untrusted: (long + ".").utf8).text == long)
        #expect(problem(Array((long + "b").utf8)) == .tooLong)
        #expect(problem([UInt8](repeating: 0x61, count: 1 << 20)) == .tooLong)
    }

    @Test("never crashes, and what is accepted is a fixed point")
    func fuzz() throws {
        var random = SeededGenerator(1)
        let parts = ["a", "xn--", "-", ".", "com", "_", "0x", "12", "\u{0}", "é", "A", "bcher-kva", "%", ":", "[", "]", "local"].map {
            Array($0.utf8)
        }
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...8, using: &random) { bytes += random.pick(parts) }
            if random.chance(4), !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
            guard let name = try? HostName(untrusted: bytes) else { continue }
            #expect(try HostName(untrusted: name.text.utf8) == name)
            #expect(name.text.utf8.count <= 253 && !name.text.hasSuffix(".") && name.text == name.text.lowercased())
            #expect(IPAddress(parsing: name.text) == nil)
            #expect(try Destination(untrusted: bytes).name == name)
        }
    }

    @Test("of the usual kind is read in steps of eight bytes as it is byte by byte")
    func usual() {
        var random = SeededGenerator(3)
        let parts = ["a", "Z", "9", "-", ".", "example", "COM", ".x", "0x1f", "xn--", "label-of-fifteen", "_", "12345678"].map {
            Array($0.utf8)
        }
        var usual = 0
        for _ in 0..<50_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...9, using: &random) { bytes += random.pick(parts) }
            if random.chance(8) { bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random) }
            var (quick, careful) = ([UInt8](repeating: 0, count: bytes.count), [UInt8](repeating: 0, count: bytes.count))
            let isUsual = bytes.withUnsafeBytes { input in
                quick.withUnsafeMutableBytes { HostName.normaliseUsual(input, input.count, into: $0) }
            }
            let count = bytes.withUnsafeBytes { input in
                careful.withUnsafeMutableBytes { try? HostName.normaliseCarefully(input, input.count, into: $0) }
            }
            if isUsual {
                usual += 1
                #expect(count == bytes.count && quick == careful)
            }
        }
        #expect(usual > 2000)
    }

    @Test("knows its place in the public DNS")
    func local() throws {
        for name in [
            "localhost", "a.localhost", "printer", "nas.local", "x.internal", "home.arpa", "router.home.arpa", "a.test", "a.onion",
        ] {
            #expect(try HostName(untrusted: name.utf8).isLocal, "\(name)")
        }
        for name in ["example.com", "local.example.com", "in-addr.arpa", "ahome.arpa", "thelocal.se"] {
            #expect(try !HostName(untrusted: name.utf8).isLocal, "\(name)")
        }
    }

    @Test("is below a suffix only with a label in front")
    func below() throws {
        let suffix = try HostName(untrusted: "example.com".utf8)
        #expect(try HostName(untrusted: "a.example.com".utf8).isBelow(suffix))
        #expect(try !HostName(untrusted: "example.com".utf8).isBelow(suffix))
        #expect(try !HostName(untrusted: "evilexample.com".utf8).isBelow(suffix))
        #expect(try HostName(untrusted: "a.b.example.com".utf8).parent?.text == "b.example.com")
        #expect(try HostName(untrusted: "com".utf8).parent == nil)
    }
}
