import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Vault

/// Takes a secret from where it cannot be seen: the terminal without echo, or standard input. Never from the command line, which every
/// user of the machine can read.
enum HiddenPrompt {
    /// The value, without the line break at its end.
    ///
    /// - Parameter question: shown on a terminal: `Value of TOKEN`.
    static func read(_ question: String, limit: Int) throws(CoopError) -> SecretBytes {
        if isatty(0) == 1 { return try terminal(question, limit) }
        let input = Descriptor(owning: dup(0))
        var bytes: [UInt8]
        do {
            bytes = try SecretRead.all(of: input, limit: limit, subject: "standard input")
        } catch {
            let why = error.errno == EFBIG ? "it is longer than \(limit >> 10) KiB" : error.reason
            throw CoopError(.usage, "cannot read the value", why, next: "coop secret add --help")
        }
        defer { bytes.wipe() }
        if bytes.last == 10 { bytes.removeLast() }
        if bytes.last == 13 { bytes.removeLast() }
        return bytes.withUnsafeBytes { SecretBytes($0) }
    }

    private static func terminal(_ question: String, _ limit: Int) throws(CoopError) -> SecretBytes {
        guard Terminal.canAsk else {
            throw CoopError(.usage, "cannot ask for the value", "questions are turned off", next: "coop secret add NAME < FILE")
        }
        var before = termios()
        guard tcgetattr(0, &before) == 0 else {
            throw CoopError(.failed, "cannot hide what is typed", SystemError.text(for: errno), next: "coop secret add NAME < FILE")
        }
        // Ctrl-C must not leave a terminal behind that shows nothing.
        HiddenPrompt.saved = before
        let handler = signal(SIGINT) { _ in
            tcsetattr(0, TCSANOW, &HiddenPrompt.saved)
            _exit(130)
        }
        defer {
            tcsetattr(0, TCSANOW, &before)
            signal(SIGINT, handler)
            FileHandleOutput.standardError("\n")
        }
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(0, TCSAFLUSH, &hidden) == 0 else {
            throw CoopError(.failed, "cannot hide what is typed", SystemError.text(for: errno), next: "coop secret add NAME < FILE")
        }
        FileHandleOutput.standardError("\(question) (not shown): ")
        var line = [UInt8](repeating: 0, count: 4096)
        defer { line.wipe() }
        var count = 0
        while count < line.count {
            let got = line.withUnsafeMutableBytes { Glibc.read(0, $0.baseAddress.map { $0 + count }, 1) }
            if got < 0, errno == EINTR { continue }
            if got <= 0 || line[count] == 10 { break }
            count += 1
        }
        return line.withUnsafeBytes { SecretBytes(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    /// Written before the handler is installed, and read by it alone.
    nonisolated(unsafe) private static var saved = termios()
}
