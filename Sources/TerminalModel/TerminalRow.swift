/// One line of cells, as it is written to a terminal.
struct TerminalRow {
    /// How a line of double width or height begins (DECDWL, DECDHL).
    enum Size: Equatable { case single, doubleWidth, top, bottom }

    var cells: [TerminalCell]
    var size = Size.single

    /// Appends the text with its colours, without what is blank at its end; the pen is left as the last cell has it.
    func append(to text: inout String) {
        switch size {
        case .single: break
        case .doubleWidth: text += "\u{1B}#6"
        case .top: text += "\u{1B}#3"
        case .bottom: text += "\u{1B}#4"
        }
        // Of a wide line only one half is seen; more would wrap.
        let seen = size == .single ? cells[...] : cells.prefix(cells.count / 2)
        let count = seen.lastIndex { !$0.isBlank }.map { $0 + 1 } ?? 0
        var last: TerminalCell?
        for cell in seen.prefix(count) where cell.width > 0 {
            if !(last?.hasSameStyle(as: cell) ?? false) { text += cell.selectGraphicRendition }
            text += cell.text
            last = cell
        }
        if last != nil { text += "\u{1B}[0m" }
    }

    /// The text alone, without blanks at its end.
    var plain: String {
        let count = cells.lastIndex { !$0.scalars.allSatisfy { $0 == " " } }.map { $0 + 1 } ?? 0
        return cells.prefix(count).map(\.text).joined()
    }
}
