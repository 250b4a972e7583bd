import CLinux
import Glibc
import LinuxKernel

/// Puts the user's terminal into raw mode and back (termios(3)). Whatever ends the program, `restore` runs before it.
package final class TerminalMode {
    private let number: Int32
    private var saved: termios?

    package init(_ number: Int32) { self.number = number }

    package var isRaw: Bool { saved != nil }

    package func makeRaw() {
        guard saved == nil else { return }
        var current = termios()
        guard tcgetattr(number, &current) == 0 else { return }
        saved = current
        cfmakeraw(&current)
        tcsetattr(number, TCSADRAIN, &current)
    }

    package func restore() {
        guard var mode = saved else { return }
        saved = nil
        tcsetattr(number, TCSADRAIN, &mode)
    }
}
