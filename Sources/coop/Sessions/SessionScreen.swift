import CoopErrors
import EventLog
import LinuxKernel
import TerminalModel

/// The screen of a session as its log knows it.
struct SessionScreen {
    /// So many of the last bytes tell in which sequence the terminal was interrupted.
    private static let tail: Int64 = 65536

    let directory: String

    /// - Parameter offset: up to which byte of the terminal.
    func draw(offset: UInt64, rows: UInt16, columns: UInt16) throws -> (bytes: [UInt8], tail: [UInt8]) {
        let reader = try EventReader(directory: directory)
        let end = Int64(clamping: offset)
        let start = max(0, end - SessionScreen.tail)
        let tail = try reader.terminal(offset: start, count: Int(end - start))
        return ([], tail)
    }
}
