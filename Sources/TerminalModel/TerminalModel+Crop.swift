import CVTerm

extension TerminalModel {
    /// What makes a terminal of any size show the part of this screen that the cursor is in: cut off where it does not fit, blank where it
    /// is smaller. Every row is drawn at its place, nothing scrolls, and keys and mouse are sent as the program wants them.
    public func crop(rows: Int, columns: Int) -> [UInt8] {
        let (rows, columns) = (min(max(rows, 1), TerminalModel.largest.rows), min(max(columns, 2), TerminalModel.largest.columns))
        let modes = self.modes
        let top = max(0, Int(modes.row) - rows + 1)
        let left = max(0, Int(modes.column) - columns + 1)
        // A character that is wider there than here must not push the rest into the next row.
        var text = TerminalModel.plainState + "\u{1B}[?25l\u{1B}[?7l"
        for row in 0..<rows {
            // Erased first: behind a full row the cursor still stands on its last character.
            text += "\u{1B}[\(row + 1);1H\u{1B}[K"
            if top + row < size.rows {
                TerminalRow(cells: TerminalModel.cut(cells(row: top + row), from: left, columns: columns)).append(to: &text)
            }
        }
        text += "\u{1B}[?7h\u{1B}[\(Int(modes.row) - top + 1);\(Int(modes.column) - left + 1)H"
        if modes.cursor_visible != 0 { text += "\u{1B}[?25h" }
        appendKeys(modes, to: &text)
        return Array(text.utf8)
    }

    /// Some columns of a row; half of a wide character is a blank.
    private static func cut(_ cells: [TerminalCell], from left: Int, columns: Int) -> [TerminalCell] {
        var result = Array(cells.dropFirst(left).prefix(columns))
        if let first = result.first, first.width == 0 { result[0] = first.blanked }
        if result.count == columns, let last = result.last, last.width == 2 { result[columns - 1] = last.blanked }
        return result
    }
}

extension TerminalCell {
    /// A space in the same colours.
    fileprivate var blanked: TerminalCell {
        var cell = self
        cell.scalars = []
        cell.width = 1
        return cell
    }
}
