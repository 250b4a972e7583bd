import CVTerm

/// A terminal without a screen: fed with what a program writes, it knows what a person would see, and can say it to a real
/// terminal of the same size at any moment. Used by one thread at a time; its input is hostile.
public final class TerminalModel {
    /// The largest screen: a program inside can ask for any size of its own terminal.
    public static let largest = (rows: 1000, columns: 1000)

    private let terminal: OpaquePointer
    private let screen: OpaquePointer
    private var callbacks: UnsafeMutablePointer<VTermScreenCallbacks>
    /// What libvterm's callbacks change.
    private let heap: Heap
    /// The beginning of a character whose end has not come yet.
    private var held: [UInt8] = []

    private final class Heap {
        var scrollback: [TerminalRow] = []
        /// Lines before this one have been let go.
        var first = 0
        var limit: Int
        var replies: [UInt8] = []

        init(limit: Int) { self.limit = limit }

        func push(_ row: TerminalRow) {
            guard limit > 0 else { return }
            scrollback.append(row)
            // Let go in large steps: removing from the front moves everything.
            if scrollback.count - first > limit { first += 1 }
            if first > limit {
                scrollback.removeFirst(first)
                first = 0
            }
        }
    }

    /// - Parameter scrollback: how many lines above the screen are kept.
    public init(rows: Int, columns: Int, scrollback: Int = 2000) {
        let rows = min(max(rows, 1), TerminalModel.largest.rows)
        let columns = min(max(columns, 2), TerminalModel.largest.columns)
        heap = Heap(limit: scrollback)
        terminal = vterm_new(Int32(rows), Int32(columns))
        vterm_set_utf8(terminal, 1)
        screen = vterm_obtain_screen(terminal)
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: VTermScreenCallbacks())
        callbacks.pointee.sb_pushline = { count, cells, user in
            guard let user, let cells else { return 0 }
            let heap = Unmanaged<Heap>.fromOpaque(user).takeUnretainedValue()
            var row: [TerminalCell] = []
            row.reserveCapacity(Int(count))
            for index in 0..<Int(count) {
                var cell = coop_cell()
                coop_vterm_flatten(cells + index, &cell)
                row.append(TerminalCell(cell))
            }
            while let last = row.last, last.isBlank { row.removeLast() }
            heap.push(TerminalRow(cells: row))
            return 1
        }
        callbacks.pointee.sb_clear = { user in
            guard let user else { return 0 }
            let heap = Unmanaged<Heap>.fromOpaque(user).takeUnretainedValue()
            heap.scrollback = []
            heap.first = 0
            return 1
        }
        let user = Unmanaged.passUnretained(heap).toOpaque()
        vterm_screen_set_callbacks(screen, callbacks, user)
        vterm_screen_enable_altscreen(screen, 1)
        vterm_screen_set_damage_merge(screen, VTERM_DAMAGE_SCREEN)
        vterm_output_set_callback(
            terminal,
            { bytes, count, user in
                guard let user, let bytes else { return }
                let heap = Unmanaged<Heap>.fromOpaque(user).takeUnretainedValue()
                // Nobody may fetch them: a program that only asks must not fill the memory.
                guard heap.replies.count + count < 1 << 16 else { return }
                heap.replies += UnsafeRawBufferPointer(start: bytes, count: count)
            }, user)
        vterm_screen_reset(screen, 1)
    }

    deinit {
        vterm_free(terminal)
        callbacks.deallocate()
    }

    /// Takes what the program has written.
    public func feed(_ bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ feed(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { feed($0) }
        }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer) {
        // libvterm shows a character that it gets in two pieces as two wrong ones: the beginning waits.
        let waits = TerminalModel.unfinished(bytes)
        if held.isEmpty {
            write(UnsafeRawBufferPointer(rebasing: bytes.dropLast(waits)))
        } else {
            held += bytes
            let whole = held
            let unfinished = whole.withUnsafeBytes { TerminalModel.unfinished($0) }
            whole.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0.dropLast(unfinished))) }
            held = Array(whole.suffix(unfinished))
            return
        }
        held = Array(bytes.suffix(waits))
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self), !bytes.isEmpty else { return }
        vterm_input_write(terminal, start, bytes.count)
    }

    /// How many bytes at the end are the beginning of a character of UTF-8.
    private static func unfinished(_ bytes: UnsafeRawBufferPointer) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 && byte < 0xF8 ? 4 : byte >= 0xE0 && byte < 0xF0 ? 3 : byte >= 0xC0 && byte < 0xE0 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }

    /// Gives the screen another size, as a window does.
    public func resize(rows: Int, columns: Int) {
        vterm_set_size(
            terminal, Int32(min(max(rows, 1), TerminalModel.largest.rows)), Int32(min(max(columns, 2), TerminalModel.largest.columns)))
    }

    /// Rows and columns.
    public var size: (rows: Int, columns: Int) {
        var rows: Int32 = 0
        var columns: Int32 = 0
        vterm_get_size(terminal, &rows, &columns)
        return (Int(rows), Int(columns))
    }

    /// What the terminal answers to the program's questions (device attributes, cursor position) since the last call: to be
    /// written to the program by whoever keeps the questions from real terminals.
    public func takeReplies() -> [UInt8] {
        defer { heap.replies = [] }
        return heap.replies
    }

    /// The text of each row, without what is blank at its end.
    public var text: [String] { (0..<size.rows).map { row($0, of: modes.is_alternate != 0 ? 1 : 0).plain } }

    /// The text of the lines above the screen, the oldest first.
    public var scrollbackText: [String] { heap.scrollback[heap.first...].map(\.plain) }

    /// The cells of the screen that is shown.
    public func cells(row: Int) -> [TerminalCell] { self.row(row, of: modes.is_alternate != 0 ? 1 : 0).cells }

    /// Where the cursor is, from zero, and whether it is seen.
    public var cursor: (row: Int, column: Int, isVisible: Bool) {
        let modes = self.modes
        return (Int(modes.row), Int(modes.column), modes.cursor_visible != 0)
    }

    var modes: coop_modes {
        var result = coop_modes()
        coop_vterm_modes(terminal, &result)
        return result
    }

    var pen: TerminalCell {
        var cell = coop_cell()
        coop_vterm_pen(terminal, &cell)
        return TerminalCell(cell)
    }

    var savedPen: TerminalCell {
        var cell = coop_cell()
        coop_vterm_saved_pen(terminal, &cell)
        return TerminalCell(cell)
    }

    var scrollback: ArraySlice<TerminalRow> { heap.scrollback[heap.first...] }

    func isTabStop(_ column: Int) -> Bool { coop_vterm_is_tab_stop(terminal, Int32(column)) != 0 }

    /// A row of the primary (0) or alternate (1) buffer.
    func row(_ row: Int, of buffer: Int32) -> TerminalRow {
        let columns = size.columns
        var result = TerminalRow(cells: [])
        result.cells.reserveCapacity(columns)
        for column in 0..<columns {
            var cell = coop_cell()
            guard coop_vterm_cell(screen, buffer, Int32(row), Int32(column), &cell) != 0 else { break }
            if column == 0 {
                switch (cell.attributes >> 9 & 3, cell.attributes & 256) {
                case (1, _): result.size = .top
                case (2, _): result.size = .bottom
                case (_, 256): result.size = .doubleWidth
                default: break
                }
            }
            result.cells.append(TerminalCell(cell))
        }
        return result
    }
}
