import CLinux
import CoopErrors
import GatewayProtocol
import Glibc
import LinuxKernel

/// The confined worker of one sandbox, as its supervisor holds it.
final class GatewayProcess {
    let channel: SupervisorChannel
    private let pid: pid_t

    /// Starts the program. It confines itself before it reads anything, and ends when the channel does.
    ///
    /// - Parameter program: the path of `coop-gateway`.
    init(program: String, arguments: [String]) throws(CoopError) {
        func failure(_ error: SystemError) -> CoopError {
            CoopError(.failed, "cannot start the gateway", error.description, next: "coop doctor")
        }
        var ends: [Int32] = [-1, -1]
        do {
            try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
        } catch { throw failure(error) }
        channel = SupervisorChannel(Descriptor(owning: ends[0]))
        let theirs = Descriptor(owning: ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, theirs.number, 3)
        clinux_spawn_close_from(&actions, 4)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A session of its own: a key that interrupts the command must not end what watches over it.
        posix_spawnattr_setflags(&attributes, Int16(CLINUX_SPAWN_NEW_SESSION))
        var argv = ([program] + arguments).map { argument in argument.withOSBytes { strdup($0) } } as [UnsafeMutablePointer<CChar>?]
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        // Nothing of the user's environment: the worker reads hostile bytes.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        let code = program.withOSBytes { posix_spawn(&child, $0, &actions, &attributes, argv, &environment) }
        guard code == 0 else {
            throw CoopError(
                .notReady, "cannot start the gateway", "\(program.printable): \(SystemError.text(for: code))", next: "make install")
        }
        pid = child
        withExtendedLifetime(theirs) {}
    }

    /// Ends it, and with it every connection.
    func end() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }
}
