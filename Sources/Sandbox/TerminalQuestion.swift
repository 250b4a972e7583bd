import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

/// One question at the user's terminal, answered with a line: a single key could be meant for the command.
package final class TerminalQuestion {
    package let id: UInt32
    private let terminal: Descriptor
    private let loop: EventLoop
    private let answered: (Consent) -> Void
    private var saved: termios
    private var line: [UInt8] = []
    private var isOver = false

    /// Opens the terminal and asks.
    ///
    /// - Parameter answered: called once, on the loop.
    /// - Returns: nil where this process may not use the terminal now: it has none, or is in the background (tcgetpgrp(3)).
    package init?(id: UInt32, text: String, loop: EventLoop, answered: @escaping (Consent) -> Void) {
        var mode = termios()
        guard let terminal = TerminalQuestion.open(), tcgetpgrp(terminal.number) == getpgrp(), tcgetattr(terminal.number, &mode) == 0
        else { return nil }
        saved = mode
        self.id = id
        self.terminal = terminal
        self.loop = loop
        self.answered = answered
        // Key by key and without echo, whatever mode the command has asked for; signals as they are.
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
        // What was typed before the question was seen is no answer to it.
        tcsetattr(terminal.number, TCSAFLUSH, &mode)
        write("\r\n\(text)")
        loop.watch(terminal.number) { [unowned self] _ in self.read() }
    }

    /// The controlling terminal of this process; nil without one.
    package static func open() -> Descriptor? { try? Descriptor.open("/dev/tty", O_RDWR | O_NOCTTY) }

    /// Takes the question back.
    package func withdraw() {
        guard !isOver else { return }
        finish("no answer")
    }

    private func read() {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(terminal.number, &bytes, bytes.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        // The terminal is gone.
        guard count > 0 else { return end(.absent, "") }
        for byte in bytes[0..<count] where !isOver { take(byte) }
    }

    private func take(_ byte: UInt8) {
        switch byte {
        case 3, 4: end(.no, "no")
        case 8, 127:
            if line.popLast() != nil { write("\u{8} \u{8}") }
        case 10, 13:
            guard let consent = TerminalQuestion.consent(line) else {
                line = []
                return write("\r\n[o]nce, [s]ession, [a]lways or [n]o? ")
            }
            end(consent, "")
        case 0x20...0x7E where line.count < 64:
            line.append(byte)
            write(String(decoding: [byte], as: UTF8.self))
        default: break
        }
    }

    /// What a line means; nil when it is no answer.
    static func consent(_ line: [UInt8]) -> Consent? {
        switch String(decoding: line, as: UTF8.self).lowercased().split(separator: " ").joined(separator: " ") {
        case "", "n", "no": .no
        case "o", "once": .once
        case "s", "session": .session
        case "a", "always": .always
        default: nil
        }
    }

    private func end(_ consent: Consent, _ word: String) {
        finish(word)
        answered(consent)
    }

    private func finish(_ word: String) {
        isOver = true
        loop.unwatch(terminal.number)
        write("\(word)\r\n")
        tcsetattr(terminal.number, TCSADRAIN, &saved)
    }

    private func write(_ text: String) {
        // A terminal that takes nothing any more is noticed by reading from it.
        try? terminal.writeAll(text.utf8, subject: "/dev/tty")
    }
}
