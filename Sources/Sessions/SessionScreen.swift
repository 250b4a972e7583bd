import ConfinedTerminal
import CoopErrors
import EventLog
import LinuxKernel
import TerminalModel

/// What a person's terminal is sent to show a session's: in a window of the session's size what the program writes, through the filter; in
/// any other one a drawing of the part that fits, made by the confined worker.
final class SessionScreen {
    /// So many of the last bytes tell in which sequence the terminal was interrupted.
    private static let tail: Int64 = 65536

    private let directory: String
    private let allowance: TerminalFilter.Allowance
    private var filter: TerminalFilter
    /// Draws for a window of another size; nil where that is not needed.
    private var worker: TerminalWorker?
    private var window = ScreenSize(rows: 24, columns: 80)

    init(directory: String, allowance: TerminalFilter.Allowance) {
        self.directory = directory
        self.allowance = allowance
        filter = TerminalFilter(allowing: allowance)
    }

    /// Whether what is shown is a drawing, which has to be made anew after new bytes.
    var isDrawn: Bool { worker != nil }

    /// The screen as the terminal's first `offset` bytes leave it.
    func draw(offset: UInt64, size: ScreenSize, window: ScreenSize) throws -> [UInt8] {
        self.window = window
        worker = nil
        let end = Int64(clamping: offset)
        // What the terminal received last may be the beginning of a sequence whose end is still to come.
        let reader = try EventReader(directory: directory)
        let start = max(0, end - SessionScreen.tail)
        filter = TerminalFilter(allowing: allowance)
        _ = filter.filter(try reader.terminal(offset: start, count: Int(end - start)))

        let worker = try TerminalWorker()
        try ScreenReplay(directory: directory).feed(worker, upTo: end)
        if size == window { return try worker.snapshot() }
        self.worker = worker
        return try drawing()
    }

    /// Takes what the program has written.
    ///
    /// - Returns: what the person's terminal is sent now.
    func show(_ bytes: [UInt8]) throws -> [UInt8] {
        guard let worker else { return filter.filter(bytes) }
        try worker.feed(bytes)
        return []
    }

    /// The drawing as it is now, shown at once by terminals that can (synchronized updates, DEC mode 2026).
    func drawing() throws -> [UInt8] {
        guard let worker else { return [] }
        return Array("\u{1B}[?2026h".utf8) + (try worker.crop(rows: window.rows, columns: window.columns)) + Array("\u{1B}[?2026l".utf8)
    }

    /// What a terminal is sent when the person leaves.
    static var leave: [UInt8] { TerminalModel.leave }
}
