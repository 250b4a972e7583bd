import TestSupport
import Testing

@testable import TerminalModel

/// What reaches a person's terminal can draw on it and do nothing else.
@Suite struct TerminalFilterTests {
    private func filtered(_ text: String, _ allowance: TerminalFilter.Allowance = []) -> String {
        filtered(Array(text.utf8), allowance)
    }

    private func filtered(_ bytes: [UInt8], _ allowance: TerminalFilter.Allowance = []) -> String {
        var filter = TerminalFilter(allowing: allowance)
        return String(decoding: filter.filter(bytes) + filter.finish(), as: UTF8.self)
    }

    @Test(
        "what draws passes unchanged",
        arguments: [
            "plain\r\n\ttext\u{8}\u{7}", "wide 漢字 é e\u{301} 🦆", "\u{1B}[1;31mred\u{1B}[0m",
            "\u{1B}[38;2;1;2;3m\u{1B}[48;5;200m\u{1B}[4:3m",
            "\u{1B}[2J\u{1B}[H\u{1B}[10;20H\u{1B}[K\u{1B}[?25l\u{1B}[?1049h\u{1B}[?1;2004h",
            "\u{1B}7\u{1B}8\u{1B}=\u{1B}>\u{1B}(0lqk\u{1B}(B\u{E}\u{F}",
            "\u{1B}[2;20r\u{1B}[3S\u{1B}[2T\u{1B}M\u{1B}D\u{1B}E\u{1B}[5 q\u{1B}[!p\u{1B}#8",
            "\u{1B}[?1000h\u{1B}[?1006h\u{1B}[>4;2m\u{1B}[>1u\u{1B}[<u",
            "\u{1B}[5b\u{1B}[?2026h", "\u{1B}c",
        ])
    func drawing(_ text: String) {
        // 2004 and 1 are allowed; the list is kept whole.
        #expect(filtered(text) == text)
    }

    @Test(
        "what does more than draw is kept back",
        arguments: [
            "\u{1B}]52;c;ZXZpbA==\u{7}", "\u{1B}]52;c;?\u{1B}\\", "\u{1B}]0;title\u{7}", "\u{1B}]8;;https://example.com\u{1B}\\",
            "\u{1B}]4;1;?\u{7}",
            "\u{1B}]10;?\u{1B}\\", "\u{1B}]1337;File=x\u{7}", "\u{1B}]9;note\u{7}", "\u{1B}]777;notify;a;b\u{7}", "\u{5}", "\u{1B}Z",
            "\u{1B}[c", "\u{1B}[>c",
            "\u{1B}[=c", "\u{1B}[5n", "\u{1B}[6n", "\u{1B}[?6n", "\u{1B}[x", "\u{1B}[21t", "\u{1B}[8;50;50t", "\u{1B}[5i", "\u{1B}[?2004$p",
            "\u{1B}[>q", "\u{1B}[?u",
            "\u{1B}[1;1;2;2;1;1*y", "\u{1B}[?m", "\u{1B}P+q544e\u{1B}\\", "\u{1B}P$qm\u{1B}\\", "\u{1B}_Gf=100;x\u{1B}\\",
            "\u{1B}^private\u{1B}\\",
            "\u{1B}Xstring\u{1B}\\", "\u{1B}%@", "\u{1B} G", "\u{1B}[?3h", "\u{1B}[1;2;3;4;5T", "\u{0}", "\u{7F}", "\u{1B}[?9999h",
            "\u{1B}[99999$z", "\u{1B}\\", "\u{1B}[1<h", "\u{1B}[ 1h",
        ])
    func dangerous(_ text: String) { #expect(filtered("a" + text + "b") == "ab") }

    @Test("of a list of modes those pass that may")
    func modes() { #expect(filtered("\u{1B}[?25;9999;1049;2031h") == "\u{1B}[?25;1049h") }

    @Test("8-bit controls pass in no form, and what is not UTF-8 is replaced")
    func eightBit() {
        #expect(filtered([0x61, 0x9B, 0x63, 0x62]) == "a\u{FFFD}cb")
        #expect(filtered([0x61, 0xC2, 0x9D, 0x35, 0x32, 0x62]) == "a\u{FFFD}52b")
        #expect(filtered([0xC0, 0xAF, 0xE0, 0x80, 0x80, 0xED, 0xA0, 0x80, 0xF4, 0x90]) == String(repeating: "\u{FFFD}", count: 10))
        #expect(filtered([0xE6, 0xBC, 0x1B, 0x5B, 0x6D]) == "\u{FFFD}\u{1B}[m")
        #expect(filtered([0xE6, 0xBC]) == "\u{FFFD}")
    }

    @Test("a sequence inside another, or cut off by one, hides nothing")
    func nested() {
        #expect(filtered("\u{1B}]0;\u{1B}[c\u{1B}[1mx") == "\u{1B}[1mx")
        #expect(filtered("\u{1B}[\u{1B}]52;c;ZQ==\u{7}1mx") == "1mx")
        #expect(filtered("\u{1B}[3\r1mx") == "\r\u{1B}[31mx")
        #expect(filtered("\u{1B}[31\u{18}mx") == "mx")
        #expect(filtered("\u{1B}P\u{1B}\u{1B}]52;c;ZQ==\u{7}x") == "x")
        #expect(filtered("\u{1B}[1é5n") == "é5n")
    }

    @Test("an endless string does not hide everything after it; an endless sequence does not grow")
    func endless() {
        #expect(filtered("\u{1B}]0;" + String(repeating: "x", count: 2_000_000) + "end").hasSuffix("end"))
        #expect(filtered("\u{1B}[" + String(repeating: "1;", count: 1_000_000) + "mend") == "end")
    }

    @Test("allowed by name: titles, the clipboard and links, and nothing that asks")
    func allowed() {
        #expect(filtered("\u{1B}]2;a title\u{7}x", .title) == "\u{1B}]2;a title\u{1B}\\x")
        #expect(filtered(Array("\u{1B}]2;a".utf8) + [0x9B, 0x0D] + Array("b\u{7}".utf8), .title) == "\u{1B}]2;a\u{FFFD}b\u{1B}\\")
        #expect(filtered("\u{1B}]52;c;ZXZpbA==\u{7}", .clipboard) == "\u{1B}]52;c;ZXZpbA==\u{1B}\\")
        #expect(filtered("\u{1B}]52;c;?\u{7}", .clipboard).isEmpty)
        #expect(
            filtered("\u{1B}]8;id=1;https://example.com/\u{7}t\u{1B}]8;;\u{7}", .hyperlinks)
                == "\u{1B}]8;id=1;https://example.com/\u{1B}\\t\u{1B}]8;;\u{1B}\\")
        #expect(filtered("\u{1B}]8;;file:///etc/passwd\u{7}t", .hyperlinks) == "t")
        #expect(filtered("\u{1B}]52;c;ZQ==\u{7}\u{1B}]0;t\u{7}", .hyperlinks).isEmpty)
    }

    @Test("text alone for files and pipes")
    func textOnly() {
        var filter = TerminalFilter.text
        #expect(filter.filter("\u{1B}[1mone\u{1B}[0m\r\n\ttwo\u{7}\u{8}\u{1B}c\r\n".utf8) == Array("one\n\ttwo\n".utf8))
    }

    /// Bytes that are rich in escapes.
    private func hostile(_ random: inout SeededGenerator) -> [UInt8] {
        let pieces: [[UInt8]] = [
            [0x1B], [0x1B, 0x5B], [0x1B, 0x5D], [0x1B, 0x50], [0x07], [0x1B, 0x5C], [0x9B], [0xC2, 0x9B], [0x18], Array("52;c;".utf8),
            Array("?25;1049".utf8),
            Array("0;".utf8), Array("6n".utf8), Array(">c".utf8), Array("m".utf8), Array("漢".utf8), [0x24], [0x20], Array("text".utf8),
            [0x0D, 0x0A], [0x05], [0xE6],
        ]
        return (0..<Int.random(in: 1...60, using: &random)).flatMap { _ in
            Bool.random(using: &random) ? pieces.randomElement(using: &random) ?? [] : [UInt8.random(in: 0...255, using: &random)]
        }
    }

    @Test("however the bytes are cut, the result is the same; what has passed passes again")
    func properties() {
        var random = SeededGenerator(11)
        for _ in 0..<iterations {
            let bytes = hostile(&random)
            var whole = TerminalFilter()
            let result = whole.filter(bytes) + whole.finish()
            var pieces = TerminalFilter()
            var cut: [UInt8] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &random)
                cut += pieces.filter(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(cut + pieces.finish() == result, "\(bytes)")
            var again = TerminalFilter()
            #expect(again.filter(result) + again.finish() == result, "\(bytes)")
        }
    }

    @Test("nothing passes but text, drawing controls, and sequences of the list")
    func grammar() throws {
        // Written independently of the filter, for the shortest sequence at each place.
        let mode =
            "\\?(1|5|6|7|9|12|25|45|47|66|69|1000|1002|1003|1004|1005|1006|1007|1015|1016|1047|1048|1049|2004|2026)(;[0-9]+)*|(4|20)(;[0-9]+)*"
        let expression = try Regex(
            "\u{1B}\\[([0-9:;]*[@A-MPSTXZ`abdefgmrsu]|(\(mode))[hl]|\\?[0-9:;]*[JK]|>[0-9:;]*[mu]|[<=][0-9:;]*u|[0-9:;]*( q|!p|\"q))"
                + "|\u{1B}[78=>DEHMNOcno|}~]|\u{1B}[()*+][AB012]|\u{1B}#[34568]"
        ).matchingSemantics(.unicodeScalar)
        var random = SeededGenerator(12)
        for _ in 0..<(iterations / 3) {
            let bytes = hostile(&random)
            var filter = TerminalFilter()
            let result = filter.filter(bytes) + filter.finish()
            let text = try #require(String(validating: result, as: UTF8.self))
            for piece in text.unicodeScalars.split(separator: "\u{1B}", omittingEmptySubsequences: false).enumerated() {
                let piece = (piece.offset > 0 ? "\u{1B}" : "") + String(piece.element)
                let sequence = piece.hasPrefix("\u{1B}") ? piece.prefixMatch(of: expression) : nil
                #expect(!piece.hasPrefix("\u{1B}") || sequence != nil, "\(piece.debugDescription) in \(bytes)")
                for scalar in piece.unicodeScalars.dropFirst(sequence.map { $0.0.unicodeScalars.count } ?? 0) {
                    #expect((7...15).contains(scalar.value) || scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
                }
            }
        }
    }
}
