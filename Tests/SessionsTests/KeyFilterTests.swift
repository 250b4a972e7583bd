import Sessions
import Testing

@Suite struct KeyFilterTests {
    private func take(_ pieces: String...) -> (keys: String, detaches: Bool) {
        var filter = KeyFilter()
        var keys = ""
        for piece in pieces {
            let (bytes, detaches) = filter.take(Array(piece.utf8))
            keys += String(decoding: bytes, as: UTF8.self)
            if detaches { return (keys, true) }
        }
        return (keys, false)
    }

    @Test("Ctrl-A D detaches however it is cut, and whichever way the keys are written")
    func detaches() {
        for pieces in [
            ["ab\u{1}d"], ["ab\u{1}", "d"], ["ab", "\u{1}D"], ["ab\u{1}\u{4}"], ["ab\u{1B}[97;5ud"],
            ["ab\u{1B}[27;5;97~", "\u{1B}[100;5u"],
        ] {
            var filter = KeyFilter()
            let results = pieces.map { filter.take(Array($0.utf8)) }
            #expect(results.flatMap(\.keys).elementsEqual("ab".utf8) && results.last?.detaches == true, "\(pieces)")
        }
    }

    @Test("Ctrl-A twice types one, and before another key it is the program's")
    func passes() {
        #expect(take("a\u{1}\u{1}b").keys == "a\u{1}b")
        #expect(take("\u{1}", "\u{1}", "\u{1}", "x").keys == "\u{1}\u{1}x")
        #expect(take("\u{1}\u{5}").keys == "\u{1}\u{5}")
        #expect(take("plain ä\u{1B}[A").keys == "plain ä\u{1B}[A")
        #expect(take("\u{1}").keys == "")
    }
}

@Suite struct TerminalScannerTests {
    private func scan(_ text: String) -> [TerminalScanner.Signal] {
        var whole = TerminalScanner()
        let signals = whole.scan(Array(text.utf8))
        // Cut into single bytes it is the same.
        var cut = TerminalScanner()
        #expect(text.utf8.flatMap { cut.scan([$0]) } == signals)
        return signals
    }

    @Test("bells, notifications and questions are found, and nothing that looks like them")
    func signals() {
        #expect(scan("a\u{7}b") == [.bell])
        #expect(scan("\u{1B}]0;title\u{7}") == [])
        #expect(scan("\u{1B}]9;done: ä\u{7}") == [.notification("done: ä")])
        #expect(scan("\u{1B}]9;4;1;50\u{1B}\\") == [])
        #expect(scan("\u{1B}]777;notify;claude;waits\u{1B}\\") == [.notification("claude: waits")])
        #expect(scan("\u{1B}[6n\u{1B}[c\u{1B}[?2026$p\u{1B}[31m\u{1B}[!p") == [.question, .question, .question])
        #expect(scan("\u{1B}P\u{7}\u{1B}\\") == [])
    }

    @Test("the marks of a paste are known, and any bytes leave it alive")
    func modes() {
        var scanner = TerminalScanner()
        _ = scanner.scan(Array("\u{1B}[?1049;2004h".utf8))
        #expect(scanner.bracketsPastes)
        _ = scanner.scan(Array("\u{1B}[?2004l".utf8))
        #expect(!scanner.bracketsPastes)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let interesting: [UInt8] = [0x1B, 0x5B, 0x5D, 0x50, 0x3B, 0x07, 0x5C, 0x3F, 0x68, 0x39]
            let bytes = (0..<8).map { _ in
                Bool.random() ? interesting.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            _ = scanner.scan(bytes)
        }
        _ = scanner.scan(Array("\u{18}\u{1B}\\x".utf8))
        #expect(scanner.scan([0x07]) == [.bell])
    }
}
