import LinuxKernel
import Testing

@Suite struct NameTests {
    /// Bytes that are likely to hit an edge: broken UTF-8, the escape characters themselves, combining characters.
    static func hostileBytes(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        let pieces: [[UInt8]] = [
            [0xF4, 0x8F, 0xBE, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x8F, 0xBD, 0xBF], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xE2, 0x80],
            [0xCC, 0x81], [0xFF], [0x80], Array("a".utf8), Array("/".utf8), Array("é".utf8), Array("..".utf8), [0x1B],
            [0xF0, 0x9F, 0x90, 0x94],
        ]
        var result: [UInt8] = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            result += Bool.random(using: &random) ? pieces.randomElement(using: &random) ?? [] : [UInt8.random(in: 1...255, using: &random)]
        }
        return result
    }

    @Test("every sequence of bytes survives as a string, and no two become the same")
    func roundTrip() {
        var random = SystemRandomNumberGenerator()
        var seen: [[UInt32]: [UInt8]] = [:]
        for _ in 0..<20_000 {
            let bytes = NameTests.hostileBytes(&random)
            let text = String(osBytes: bytes)
            #expect(text.osBytes == bytes)
            // By scalars: `==` on strings is up to Unicode normalisation, the kernel's is not.
            let scalars = text.unicodeScalars.map(\.value)
            if let other = seen.updateValue(bytes, forKey: scalars) { #expect(other == bytes) }
        }
    }

    @Test("every pair of bytes survives")
    func pairs() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max where String(osBytes: [first, second]).osBytes != [first, second] {
                Issue.record("\(first) \(second)")
            }
        }
    }

    @Test("what is printed holds no control character, whatever came in")
    func printable() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            let text = String(osBytes: NameTests.hostileBytes(&random)).printable
            #expect(
                !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0.value >= 0x10FF80 },
                "\(text.debugDescription)")
        }
    }

    @Test("what is printed looks like no other name")
    func invisible() {
        for text in [
            "a\u{200B}", "\u{202E}a", "a\u{200F}", "\u{FEFF}a", "a\u{2060}", "a\u{AD}", "a\u{200D}", "\u{200C}a", "e\u{FE0F}", "\u{E0041}",
        ] {
            #expect(text.printable.unicodeScalars.allSatisfy { $0.value < 0x7F }, "\(text.debugDescription): \(text.printable)")
        }
        // Words and emoji stay whole.
        for text in [
            "caf\u{E9}", "\u{645}\u{6CC}\u{200C}\u{62E}", "\u{1F468}\u{200D}\u{1F4BB}", "\u{2764}\u{FE0F}", "1\u{FE0F}\u{20E3}", "e\u{301}",
        ] {
            #expect(text.printable == text, "\(text)")
        }
    }

    @Test("an accent after a slash hides neither the slash nor what precedes it")
    func combiningCharacters() {
        #expect(FileSystem.components(of: "a/../\u{301}x") == ["a", "..", "\u{301}x"])
        #expect(FileSystem.normalize("/ws/../\u{301}x") == "/\u{301}x")
        #expect(FileSystem.contains("/ws", "/ws/\u{301}x"))
        #expect(FileSystem.relative("/ws/\u{301}x", to: "/ws")?.unicodeScalars.map(\.value) == [0x301, 0x78])
        #expect(FileSystem.join("/ws", "/\u{301}x") == "/\u{301}x")
    }

    @Test("names that differ only in Unicode normalisation are two directories")
    func normalisation() {
        #expect(!FileSystem.contains("/e\u{301}", "/\u{E9}/file"))
        #expect(FileSystem.contains("/e\u{301}", "/e\u{301}/file"))
    }

    @Test(
        "containment is by whole names",
        arguments: [
            ("/a", "/a", ""), ("/a", "/a/b", "b"), ("/a", "/ab", nil), ("/", "/x", "x"), ("/a/b", "/a", nil), ("/a", "/", nil),
        ])
    func containment(_ directory: String, _ path: String, _ relative: String?) {
        #expect(FileSystem.relative(path, to: directory) == relative)
        #expect(FileSystem.contains(directory, path) == (relative != nil))
    }
}
