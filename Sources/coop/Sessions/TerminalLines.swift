import TerminalModel

/// What a program has written to a terminal, as lines of text for somebody who reads them one after the other: a line that was written over is
/// the last one that stood there, a place on the screen begins a line of its own, and nothing is left of sequences but colours, if they are wanted.
struct TerminalLines {
    /// Longer lines are several.
    private static let longest = 64 << 10

    private enum State { case ground, escape, control }

    private let keepsColors: Bool
    private var filter = TerminalFilter()
    private var state = State.ground
    private var parameters: [UInt8] = []
    private var line: [UInt8] = []
    /// How many bytes of text there are at the end of the line, without a sequence between them.
    private var textRun = 0
    private var hasText = false
    /// The colours in force, as the sequences that set them.
    private var style: [UInt8] = []
    /// Whether the next character is written over the beginning.
    private var returns = false

    init(colors: Bool) { keepsColors = colors }

    /// The lines that these bytes complete.
    mutating func take(_ bytes: some Collection<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        // What passes is whole: known sequences, and characters of UTF-8.
        for byte in filter.filter(bytes) { take(byte, into: &lines) }
        return lines
    }

    /// What stands on the last line, which no line end has completed.
    mutating func finish() -> [UInt8]? {
        var lines: [[UInt8]] = []
        for byte in filter.finish() { take(byte, into: &lines) }
        if hasText { end(into: &lines) }
        return lines.last
    }

    private mutating func take(_ byte: UInt8, into lines: inout [[UInt8]]) {
        switch state {
        case .ground: text(byte, into: &lines)
        case .escape:
            if byte == UInt8(ascii: "[") {
                state = .control
                parameters = []
            } else if byte >= 0x30 {
                state = .ground
            }
        case .control:
            guard byte >= 0x40 else {
                parameters.append(byte)
                return
            }
            state = .ground
            control(byte, into: &lines)
        }
    }

    private mutating func text(_ byte: UInt8, into lines: inout [[UInt8]]) {
        switch byte {
        case 0x1B: state = .escape
        case 0x0A: end(into: &lines)
        case 0x0D: returns = true
        case 0x08: backspace()
        case 0x09, 0x20...: put(byte, into: &lines)
        default: break
        }
    }

    private mutating func put(_ byte: UInt8, into lines: inout [[UInt8]]) {
        if returns {
            line = style
            textRun = 0
            returns = false
        }
        line.append(byte)
        textRun += 1
        hasText = true
        // Not within a character.
        if line.count > TerminalLines.longest, byte < 0x80 { end(into: &lines) }
    }

    private mutating func backspace() {
        while textRun > 0, let last = line.popLast() {
            textRun -= 1
            if last & 0xC0 != 0x80 { return }
        }
    }

    private mutating func control(_ final: UInt8, into lines: inout [[UInt8]]) {
        switch Character(Unicode.Scalar(final)) {
        case "m": if keepsColors, parameters.first.map({ $0 < UInt8(ascii: "<") }) ?? true { color() }
        // Some programs go over blanks instead of writing them.
        case "C": for _ in 0..<min(500, max(1, number ?? 1)) { put(0x20, into: &lines) }
        case "G": if number ?? 1 <= 1 { returns = true }
        case "A", "B", "E", "F", "H", "f", "d", "J": if hasText { end(into: &lines) }
        default: break
        }
    }

    /// The sequence's only parameter.
    private var number: Int? { Int(String(decoding: parameters, as: UTF8.self)) }

    private mutating func color() {
        let sequence = [0x1B, UInt8(ascii: "[")] + parameters + [UInt8(ascii: "m")]
        if parameters.allSatisfy({ $0 == UInt8(ascii: "0") }) { style = [] } else if style.count < 256 { style += sequence }
        if !returns {
            line += sequence
            textRun = 0
        }
    }

    private mutating func end(into lines: inout [[UInt8]]) {
        lines.append(style.isEmpty ? line : line + Array("\u{1B}[0m".utf8))
        line = style
        textRun = 0
        hasText = false
        returns = false
    }
}
