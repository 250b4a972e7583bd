import CLinux
import CoopErrors
import Glibc
import LinuxKernel

extension TerminalWorker {
    /// Starts the program with one end of a socket as its input and output.
    ///
    /// - Returns: the other end, and the process.
    static func start(_ program: String, _ arguments: [String]) throws(CoopError) -> (Descriptor, pid_t) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        do { try check("socketpair") { socketpair(AF_UNIX, type, 0, &ends) } } catch { throw failure(error.description) }
        let ours = Descriptor(owning: ends[0])
        let theirs = Descriptor(owning: ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, theirs.number, 0)
        posix_spawn_file_actions_adddup2(&actions, theirs.number, 1)
        // Not ours: it may be a person's terminal.
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        clinux_spawn_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // SETSID, SETSIGDEF and SETSIGMASK: a key that interrupts the command must not end it, and what its parent has blocked or
        // ignores is none of its concern.
        posix_spawnattr_setflags(&attributes, Int16(CLINUX_SPAWN_NEW_SESSION | 0x04 | 0x08))
        var every = sigset_t()
        sigfillset(&every)
        posix_spawnattr_setsigdefault(&attributes, &every)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var argv = arguments.map { argument in argument.withOSBytes { strdup($0) } } as [UnsafeMutablePointer<CChar>?]
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        // Nothing of the user's environment: it reads hostile bytes.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        let code = program.withOSBytes { posix_spawn(&child, $0, &actions, &attributes, argv, &environment) }
        guard code == 0 else { throw failure("\(program.printable): \(SystemError.text(for: code))") }
        withExtendedLifetime(theirs) {}
        return (ours, child)
    }

    private static func failure(_ why: String) -> CoopError {
        CoopError(.failed, "cannot start the process that reads the terminal's output", why, next: "coop doctor")
    }
}
