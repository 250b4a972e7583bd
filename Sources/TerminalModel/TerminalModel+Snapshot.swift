import CVTerm

extension TerminalModel {
    /// What brings a real terminal of the same size, in whatever state it is, to show what this one shows and to go on from
    /// there: both screens, cursor, colours, modes, and what lies above the screen.
    ///
    /// - Parameter scrollback: whether the lines above the screen are written as well, into the terminal's own scrollback.
    public func snapshot(scrollback withScrollback: Bool = true) -> [UInt8] {
        let (rows, columns) = size
        let modes = self.modes
        var text = TerminalModel.plainState + "\u{1B}[H\u{1B}[2J"
        if withScrollback, !scrollback.isEmpty {
            for row in scrollback {
                row.append(to: &text)
                text += "\r\n"
            }
            // What was written last is still on the screen: up with it.
            text += String(repeating: "\n", count: rows - 1)
        }
        draw(rows, of: 0, to: &text)
        if modes.is_alternate != 0 {
            text += "\u{1B}[\(modes.saved_row + 1);\(modes.saved_column + 1)H" + savedPen.selectGraphicRendition + "\u{1B}[?1049h\u{1B}[0m"
            draw(rows, of: 1, to: &text)
        }
        if (0..<columns).contains(where: { isTabStop($0) != ($0 % 8 == 0 && $0 > 0) && $0 > 0 }) {
            text += "\u{1B}[1;1H\u{1B}[3g"
            for column in 0..<columns where isTabStop(column) { text += "\u{1B}[\(column + 1)G\u{1B}H" }
        }
        if modes.has_margins != 0 { text += "\u{1B}[?69h\u{1B}[\(modes.left + 1);\(modes.right)s" }
        if modes.top != 0 || Int(modes.bottom) != rows { text += "\u{1B}[\(modes.top + 1);\(modes.bottom)r" }
        place(modes, to: &text)
        text += pen.selectGraphicRendition
        appendDrawing(modes, to: &text)
        appendKeys(modes, to: &text)
        return Array(text.utf8)
    }

    /// What takes back everything that a program may have switched on: sent when a person leaves a session.
    public static let leave = Array((plainState + "\u{1B}[?25h\r\n").utf8)

    /// The primary screen, all of it in use, with the modes that a terminal starts with.
    static let plainState =
        "\u{1B}[?1049l\u{1B}[!p\u{1B}[0m\u{1B}[?6l\u{1B}[?69l\u{1B}[r\u{1B}(B\u{1B})B\u{0F}\u{1B}[?7h\u{1B}[4l\u{1B}[20l\u{1B}[?5l"
        + "\u{1B}[?1l\u{1B}>\u{1B}[?1000l\u{1B}[?1002l\u{1B}[?1003l\u{1B}[?1005l\u{1B}[?1006l\u{1B}[?1015l\u{1B}[?1004l\u{1B}[?2004l"
        + "\u{1B}[?25h"

    private func draw(_ rows: Int, of buffer: Int32, to text: inout String) {
        for row in 0..<rows {
            text += "\u{1B}[\(row + 1);1H"
            self.row(row, of: buffer).append(to: &text)
        }
    }

    /// The cursor, after whatever changes the meaning of a position.
    private func place(_ modes: coop_modes, to text: inout String) {
        var (row, column) = (modes.row, modes.column)
        if modes.origin != 0 {
            text += "\u{1B}[?6h"
            row -= modes.top
            column -= modes.left
        }
        text += "\u{1B}[\(row + 1);\(column + 1)H"
        guard modes.is_past_end != 0 else { return }
        // Only writing the last character again makes the next one wrap.
        let cell = cells(row: Int(modes.row))[Int(modes.column)]
        if cell.width > 0 { text += cell.selectGraphicRendition + cell.text }
    }

    /// What changes how the next character is drawn.
    private func appendDrawing(_ modes: coop_modes, to text: inout String) {
        func set(_ isOn: Bool, _ sequence: String) { if isOn { text += "\u{1B}" + sequence } }
        for (index, draws) in [modes.draws.0, modes.draws.1, modes.draws.2, modes.draws.3].enumerated() where draws != 0 {
            text += "\u{1B}" + ["(", ")", "*", "+"][index] + "0"
        }
        if modes.shift == 1 { text += "\u{0E}" }
        set(modes.shift == 2, "n")
        set(modes.shift == 3, "o")
        set(modes.autowrap == 0, "[?7l")
        set(modes.insert != 0, "[4h")
        set(modes.newline != 0, "[20h")
    }

    /// What a terminal sends for keys and the mouse, and how the whole of it looks.
    func appendKeys(_ modes: coop_modes, to text: inout String) {
        func set(_ isOn: Bool, _ sequence: String) { if isOn { text += "\u{1B}" + sequence } }
        set(modes.reverse_screen != 0, "[?5h")
        set(modes.cursor_keys != 0, "[?1h")
        set(modes.keypad != 0, "=")
        set(modes.mouse == 1, "[?1000h")
        set(modes.mouse == 2, "[?1002h")
        set(modes.mouse == 3, "[?1003h")
        set(modes.mouse_protocol == 1, "[?1005h")
        set(modes.mouse_protocol == 2, "[?1006h")
        set(modes.mouse_protocol == 3, "[?1015h")
        set(modes.reports_focus != 0, "[?1004h")
        set(modes.bracketed_paste != 0, "[?2004h")
        let shape = 2 * max(1, modes.cursor_shape) - (modes.cursor_blink != 0 ? 1 : 0)
        text += "\u{1B}[\(shape) q"
        set(modes.cursor_visible == 0, "[?25l")
    }
}
