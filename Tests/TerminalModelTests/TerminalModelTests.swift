import TestSupport
import Testing

@testable import TerminalModel

/// What a person sees who comes back is what was there, and goes on from there.
@Suite struct TerminalModelTests {
    private func model(_ text: String, rows: Int = 5, columns: Int = 20) -> TerminalModel {
        let model = TerminalModel(rows: rows, columns: columns)
        model.feed(text.utf8)
        return model
    }

    /// Everything that a person or the program could tell apart.
    private func state(_ model: TerminalModel) -> String {
        let (rows, columns) = model.size
        let modes = model.modes
        var result = "\(rows)x\(columns)\n"
        for buffer in 0...(modes.is_alternate != 0 ? 1 : 0) {
            for row in 0..<rows {
                let line = model.row(row, of: Int32(buffer))
                result += "\(line.size)|"
                for cell in (line.size == .single ? line.cells[...] : line.cells.prefix(columns / 2)) {
                    result += cell.isBlank ? " " : "\(cell.text)\(cell.selectGraphicRendition.dropFirst())\(cell.width)"
                }
                result += "\n"
            }
        }
        var shown = modes
        // A saved place outside of a smaller screen is its edge.
        shown.saved_row = modes.is_alternate == 0 ? 0 : min(modes.saved_row, Int32(rows) - 1)
        shown.saved_column = modes.is_alternate == 0 ? 0 : min(modes.saved_column, Int32(columns) - 1)
        result += "\(shown)\n\(model.pen.selectGraphicRendition.dropFirst())"
        result += (0..<columns).map { model.isTabStop($0) && $0 > 0 ? "T" : "." }.joined()
        return result
    }

    /// A terminal to which the snapshot is sent, whatever state it is in.
    private func reattached(_ model: TerminalModel, in before: String = "") -> TerminalModel {
        let (rows, columns) = model.size
        let other = TerminalModel(rows: rows, columns: columns)
        other.feed(before.utf8)
        other.feed(model.snapshot())
        return other
    }

    @Test(
        "a screen comes back as it was",
        arguments: [
            "hello\r\nworld", "\u{1B}[31mred \u{1B}[1;4;44mbold\u{1B}[0m \u{1B}[38;5;200m256\u{1B}[48;2;1;2;3mtrue",
            "漢字 wide, e\u{301} combined 🦆",
            "\u{1B}[3;5H\u{1B}[?25l\u{1B}[5 q", "\u{1B}[2;4r\u{1B}[?6h\u{1B}[2;3Hx",
            "one\u{1B}[?1049h\u{1B}[2;2Hfull screen\u{1B}[?1000h\u{1B}[?1006h\u{1B}[?2004h",
            "\u{1B}[?1h\u{1B}=\u{1B}[4h\u{1B}[?7l", "\u{1B}[41m\u{1B}[2J\u{1B}[K", "12345678901234567890",
            "1234567890123456789漢\u{1B}[5;19H漢",
            "\u{1B}(0lqqk\u{1B}(B text \u{1B})0\u{E}x", "\u{1B}#6wide line\r\n\u{1B}#3tall\r\n\u{1B}#4tall",
            "\u{1B}[3g\u{1B}[5G\u{1B}H\u{1B}[9G\u{1B}H",
            "\u{1B}[4:3mcurly\u{1B}[0;21mdouble\u{1B}[0;7mreverse\u{1B}[9mstrike\u{1B}[8mhidden", "\u{1B}[?5h reversed",
            "\u{1B}[?69h\u{1B}[3;10s\u{1B}[2;3Hm",
            "\u{1B}[95mbright\u{1B}[103mback", "\u{1B}[?1003h\u{1B}[?1015h\u{1B}[?1004h",
        ])
    func roundTrip(_ text: String) {
        let first = model(text)
        let second = reattached(first)
        #expect(state(second) == state(first))
        // Whatever the terminal was left in.
        let third = reattached(
            first, in: "\u{1B}[?1049h\u{1B}[2;3r\u{1B}[?6h\u{1B}(0\u{1B}[41;1mrest\u{1B}[?1003h\u{1B}[?7l\u{1B}[4h\u{1B}[?5h")
        #expect(state(third) == state(first))
        // And what follows does the same.
        for model in [first, second] { model.feed("xé\u{1B}[Ay\r\n\u{1B}Mz\u{1B}[?1049lback\u{1B}[Jw".utf8) }
        #expect(state(second).split(separator: "\n").dropLast(2) == state(first).split(separator: "\n").dropLast(2))
    }

    @Test("lines above the screen come back, as many as are kept")
    func scrollback() {
        let first = TerminalModel(rows: 4, columns: 30, scrollback: 100)
        for number in 1...500 { first.feed("\u{1B}[3\(number % 8)mline \(number)\r\n".utf8) }
        #expect(
            first.scrollbackText.count == 100 && first.scrollbackText.last == "line 497"
                && first.text == ["line 498", "line 499", "line 500", ""])
        let second = TerminalModel(rows: 4, columns: 30)
        second.feed(first.snapshot())
        #expect(second.scrollbackText == first.scrollbackText)
        #expect(second.text == first.text)
        let third = TerminalModel(rows: 4, columns: 30)
        third.feed(first.snapshot(scrollback: false))
        #expect(third.scrollbackText.isEmpty && third.text == first.text)
        first.feed("\u{1B}[3J".utf8)
        #expect(first.scrollbackText.isEmpty)
    }

    @Test("what a terminal answers is known, so that nobody's real terminal has to")
    func replies() {
        let terminal = model("ab\u{1B}[6n\u{1B}[c\u{1B}[5n")
        #expect(String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}[1;3R\u{1B}[?1;2c\u{1B}[0n")
        #expect(terminal.takeReplies().isEmpty)
        for _ in 0..<100_000 { terminal.feed("\u{1B}[6n".utf8) }
        #expect(terminal.takeReplies().count <= 1 << 16)
    }

    @Test("a window of another size")
    func resized() {
        let terminal = model("one\r\ntwo\r\nthree\u{1B}[?1049hfull", rows: 10, columns: 40)
        for (rows, columns) in [(3, 10), (50, 200), (1, 2), (0, 0), (24, 80)] {
            terminal.resize(rows: rows, columns: columns)
            #expect(state(reattached(terminal)) == state(terminal), "\(rows)x\(columns)")
        }
        #expect(terminal.size == (24, 80))
        terminal.resize(rows: 5000, columns: 1_000_000)
        #expect(terminal.size == TerminalModel.largest)
    }

    @Test("a window of another size shows the part with the cursor", arguments: [(3, 10), (2, 5), (10, 40), (1, 2), (5, 20), (4, 7)])
    func cropped(_ rows: Int, _ columns: Int) {
        let terminal = model("one\r\ntwo \u{1B}[41mcoloured\u{1B}[0m\r\n漢字漢字漢字漢字\r\nfour\u{1B}[?2004h\u{1B}[?1000h\u{1B}[4;9H")
        for place in ["", "\u{1B}[1;1H", "\u{1B}[5;20H", "\u{1B}[3;6H", "\u{1B}[?1049h\u{1B}[2;2Hfull\u{1B}[?25l"] {
            terminal.feed(place.utf8)
            let window = TerminalModel(rows: rows, columns: columns)
            // Whatever was there, and twice, as a window is drawn again and again.
            window.feed("\u{1B}[2;2r\u{1B}[42mrest of something else\u{1B}[?1049h".utf8)
            for _ in 0..<2 { window.feed(terminal.crop(rows: rows, columns: columns)) }
            let (top, left) = (terminal.cursor.row - window.cursor.row, terminal.cursor.column - window.cursor.column)
            #expect(top >= 0 && left >= 0 && window.cursor.isVisible == terminal.cursor.isVisible && window.scrollbackText.isEmpty)
            for row in 0..<rows {
                let cells = top + row < 5 ? Array(terminal.cells(row: top + row).dropFirst(left).prefix(columns)) : []
                for (column, cell) in window.cells(row: row).enumerated() {
                    let expected = column < cells.count ? cells[column] : nil
                    let isCut = column == columns - 1 && expected?.width == 2 || column == 0 && expected?.width == 0
                    #expect(
                        isCut || (expected?.isBlank ?? true ? cell.isBlank : cell == expected), "\(row) \(column) of \(rows)x\(columns)")
                }
            }
            #expect(window.modes.bracketed_paste == 1 && window.modes.mouse == 1 && window.modes.autowrap == 1)
        }
    }

    @Test("a snapshot holds nothing that the filter would keep back")
    func filtered() {
        let terminal = model("\u{1B}]0;title\u{7}text\u{1B}]52;c;ZQ==\u{7}\u{1B}[6n\u{1B}[?1049h\u{1B}[31mx", rows: 24, columns: 80)
        let snapshot = terminal.snapshot()
        var filter = TerminalFilter()
        #expect(filter.filter(snapshot) == snapshot)
        #expect(filter.filter(TerminalModel.leave) == TerminalModel.leave)
        let crop = terminal.crop(rows: 5, columns: 5)
        #expect(filter.filter(crop) == crop)
    }

    @Test(
        "what upset libvterm: a region, a saved place or margins outside of a smaller screen, glyphs repeated or inserted where none fits",
        arguments: [
            ("\u{1B}[8;10r", "\n\n\n\n\ntext\u{1B}[L\u{1B}[M\u{1B}[5S"), ("\u{1B}[?69h\u{1B}[30s", "\n\n\n\ntext\u{1B}[2T\u{1B}[4hx"),
            ("\u{1B}[9;39H\u{1B}7", "\u{1B}8text\r\nmore"), ("\u{1B}[10;40H\u{1B}[?1049h", "x\u{1B}[?1049ltext\u{1B}[?1048l漢"),
            ("\u{301}\u{1B}[2147483647b", "\u{301}\u{1B}[9b"), ("漢\u{1B}[2147483647b", "漢\u{1B}[9b"),
            ("\u{1B}#6\u{1B}[1;39H\u{1B}[4h", "insert 漢\u{1B}[1;10Hx"),
        ])
    func upsetting(_ before: String, _ after: String) {
        let terminal = model(before, rows: 10, columns: 40)
        terminal.feed(after.utf8)
        terminal.resize(rows: 3, columns: 10)
        let smaller = model(before, rows: 10, columns: 40)
        smaller.resize(rows: 3, columns: 10)
        for model in [terminal, smaller] {
            model.feed(after.utf8)
            let cursor = model.cursor
            #expect((0..<3).contains(cursor.row) && (0..<10).contains(cursor.column) && model.modes.top < model.modes.bottom)
            #expect(model.modes.left < model.modes.right)
            _ = model.snapshot()
        }
    }

    @Test("hostile output does no harm, and every screen can be restored")
    func fuzzed() {
        var random = SeededGenerator(5)
        let finals = Array("@ABCDEFGHIJKLMPSTXZ`abcdefghilmnpqrstux~".utf8)
        for round in 0..<(iterations / 20) {
            let first = TerminalModel(
                rows: Int.random(in: 1...30, using: &random), columns: Int.random(in: 2...90, using: &random), scrollback: 50)
            for _ in 0..<Int.random(in: 1...80, using: &random) {
                switch Int.random(in: 0..<10, using: &random) {
                case 0...3:
                    var sequence = "\u{1B}[" + (Bool.random(using: &random) ? "" : ["?", ">", "="].randomElement(using: &random) ?? "")
                    let numbers = [
                        0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 20, 25, 31, 38, 44, 47, 48, 69, 80, 1000, 1003, 1006, 1049, 2004, 65_535,
                        2_147_483_647,
                    ]
                    sequence += (0..<Int.random(in: 0...4, using: &random)).map { _ in "\(numbers.randomElement(using: &random) ?? 0)" }
                        .joined(separator: ";")
                    first.feed(Array(sequence.utf8) + [finals.randomElement(using: &random) ?? 0x6D])
                case 4: first.feed((0..<20).map { _ in UInt8.random(in: 0...255, using: &random) })
                case 5: first.feed("\u{1B}".utf8 + [UInt8.random(in: 0x20...0x7E, using: &random)])
                case 6: first.feed("漢字é🦆e\u{301}\u{200D}\u{FE0F}".utf8)
                case 7: first.feed(String(repeating: "\r\nline", count: Int.random(in: 1...40, using: &random)).utf8)
                case 8: first.resize(rows: Int.random(in: 1...40, using: &random), columns: Int.random(in: 2...90, using: &random))
                default: first.feed("plain text \(round)".utf8)
                }
            }
            // End whatever is unfinished, and leave what no terminal can be told: characters that follow a combination.
            first.feed([0x18, 0x1B, 0x5C, 0x0D])
            _ = first.snapshot()
            #expect(first.text.count == first.size.rows)
        }
    }
}
