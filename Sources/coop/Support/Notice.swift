import Glibc

/// A line for the user beside the output of a command that is running.
enum Notice {
    /// Writes it to standard error; on a terminal in raw mode with the carriage return that the terminal itself does not add then.
    static func say(_ text: String) {
        var mode = termios()
        let isRaw = tcgetattr(2, &mode) == 0 && mode.c_oflag & tcflag_t(OPOST) == 0
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
        FileHandleOutput.standardError(lines.map { isRaw ? "\r\($0)\r\n" : "\($0)\n" }.joined())
    }
}
