import CLinux
import Glibc
import LinuxKernel

/// Passes signals on to a process in another session while this one waits for it: keys of the terminal do not reach it there.
final class SignalRelay {
    private static let relayed = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    private let process: pid_t
    private let signals: Descriptor
    private var before = sigset_t()
    /// Whether it was an interrupt, which ends the caller's loop in a shell too.
    private(set) var wasInterrupted = false

    init(to process: pid_t) throws(SystemError) {
        self.process = process
        var mask = sigset_t()
        sigemptyset(&mask)
        for number in SignalRelay.relayed { sigaddset(&mask, number) }
        sigprocmask(SIG_BLOCK, &mask, &before)
        signals = Descriptor(owning: try check("signalfd") { coop_signalfd(&mask) })
    }

    deinit { sigprocmask(SIG_SETMASK, &before, nil) }

    /// Everything that a pipe gives until its end.
    func whileReading(_ reader: Descriptor) throws(SystemError) -> [UInt8] {
        var result: [UInt8] = []
        while true {
            var watched = [
                pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0), pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&watched, 2, -1) < 0 {
                if errno == EINTR { continue }
                throw SystemError("poll")
            }
            if watched[1].revents != 0 { relay() }
            guard watched[0].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(reader.number, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return result }
            result += buffer[..<count]
        }
    }

    private func relay() {
        var information = [UInt8](repeating: 0, count: 128)
        while read(signals.number, &information, information.count) == information.count {
            let number = Int32(bitPattern: information.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
            if number == SIGINT { wasInterrupted = true }
            // It ignores a hang-up, as a process without a terminal does; before there is a session nobody could come back to it.
            kill(process, number == SIGHUP ? SIGTERM : number)
        }
    }
}
