import CoopErrors
import TestSupport
import Testing

@testable import Policy

@Suite("An international name")
struct InternationalNameTests {
    /// RFC 3492, section 7.1, in lower case where the case of ASCII letters is only an annotation.
    static let vectors: [(name: String, characters: [UInt32], encoded: String)] = [
        (
            "Arabic",
            [0x644, 0x64A, 0x647, 0x645, 0x627, 0x628, 0x62A, 0x643, 0x644, 0x645, 0x648, 0x634, 0x639, 0x631, 0x628, 0x64A, 0x61F],
            "egbpdaj6bu4bxfgehfvwxn"
        ),
        ("Chinese", [0x4ED6, 0x4EEC, 0x4E3A, 0x4EC0, 0x4E48, 0x4E0D, 0x8BF4, 0x4E2D, 0x6587], "ihqwcrb4cv8a8dqg056pqjye"),
        (
            "Czech",
            [
                0x70, 0x72, 0x6F, 0x10D, 0x70, 0x72, 0x6F, 0x73, 0x74, 0x11B, 0x6E, 0x65, 0x6D, 0x6C, 0x75, 0x76, 0xED, 0x10D, 0x65, 0x73,
                0x6B, 0x79,
            ], "proprostnemluvesky-uyb24dma41a"
        ),
        (
            "Hebrew",
            [
                0x5DC, 0x5DE, 0x5D4, 0x5D4, 0x5DD, 0x5E4, 0x5E9, 0x5D5, 0x5D8, 0x5DC, 0x5D0, 0x5DE, 0x5D3, 0x5D1, 0x5E8, 0x5D9, 0x5DD,
                0x5E2, 0x5D1,
                0x5E8, 0x5D9, 0x5EA,
            ], "4dbcagdahymbxekheh6e0a7fei0b"
        ),
        (
            "Russian",
            [
                0x43F, 0x43E, 0x447, 0x435, 0x43C, 0x443, 0x436, 0x435, 0x43E, 0x43D, 0x438, 0x43D, 0x435, 0x433, 0x43E, 0x432, 0x43E,
                0x440, 0x44F,
                0x442, 0x43F, 0x43E, 0x440, 0x443, 0x441, 0x441, 0x43A, 0x438,
            ], "b1abfaaepdrnnbgefbadotcwatmq2g4l"
        ),
        ("Japanese", [0x33, 0x5E74, 0x62, 0x7D44, 0x91D1, 0x516B, 0x5148, 0x751F], "3b-ww4c5e180e575a65lsy2b"),
        ("Japanese, N", [0x3072, 0x3068, 0x3064, 0x5C4B, 0x6839, 0x306E, 0x4E0B, 0x32], "2-u9tlzr9756bt3uc0v"),
        ("only ASCII", [0x2D, 0x3E, 0x20, 0x24, 0x31, 0x2E, 0x30, 0x30, 0x20, 0x3C, 0x2D], "-> $1.00 <--"),
    ]

    @Test("has the punycode of RFC 3492", arguments: vectors.indices)
    func vector(index: Int) throws {
        let vector = InternationalNameTests.vectors[index]
        let scalars = vector.characters.compactMap(Unicode.Scalar.init)
        let encoded = try #require(Punycode.encode(scalars))
        #expect(String(decoding: encoded, as: UTF8.self) == vector.encoded, "\(vector.name)")
        #expect(Punycode.decode(encoded) == scalars, "\(vector.name)")
    }

    @Test("is decoded and encoded back, and no bytes crash the decoder")
    func fuzz() {
        var random = SeededGenerator(2)
        for _ in 0..<20_000 {
            let scalars = (0..<Int.random(in: 1...20, using: &random)).compactMap { _ in
                Unicode.Scalar(
                    random.chance(3) ? UInt32.random(in: 0x61...0x7A, using: &random) : UInt32.random(in: 0x80...0x10FFFF, using: &random))
            }
            if let encoded = Punycode.encode(scalars), encoded.count <= 63 { #expect(Punycode.decode(encoded) == scalars) }
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0x2D...0x7A, using: &random) }
            if let decoded = Punycode.decode(bytes) { #expect(decoded.count <= 63) }
        }
        #expect(Punycode.decode([]) == [])
        #expect(Punycode.decode(Array("99999999".utf8)) == nil)
        #expect(Punycode.decode(Array("-abc".utf8)) == nil)
        #expect(Punycode.decode([UInt8](repeating: 0x7A, count: 63)) == nil)
    }

    @Test(
        "is converted in the configuration",
        arguments: [
            ("bücher.example", "xn--bcher-kva.example"), ("BÜCHER.example", "xn--bcher-kva.example"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("例え.example", "xn--r8jz45g.example"), ("пример.example", "xn--e1afmkfd.example"),
            ("παράδειγμα.example", "xn--hxajbheg2az3al.example"),
            ("straße.example", "xn--strae-oqa.example"), ("한국.example", "xn--3e0b707e.example"),
            ("API.Example.COM.", "api.example.com"),
        ])
    func converted(written: String, expected: String) throws {
        #expect(try HostName(configured: written).text == expected)
    }

    @Test(
        "is refused where it would deceive",
        arguments: [
            ("pаypal.example", "mixes Cyrillic and Latin"), ("раура.example", "look like Latin"),
            ("examp\u{200B}le.com", "does not belong"),
            ("exa\u{212A}mple.com", "looks like an ASCII letter"), ("bu\u{308}cher.example", "write the accented letter as one character"),
            ("a\u{2044}b.example", "does not belong"), ("１２７.example", "does not belong"), ("ａｂｃ.example", "of no script"),
            ("example。com", "does not belong"),
            ("\u{5BC}א.example", "needs a letter before it"), ("ex🐔.example", "does not belong"), ("a\u{202E}b.example", "does not belong"),
        ])
    func deceiving(written: String, reason: String) {
        let error = #expect(throws: CoopError.self) { try HostName(configured: written) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(error?.next != nil)
    }
}
