import CLinux
import Glibc
import LinuxKernel

/// A process in a session of its own, which gets nothing of this one but its environment: no descriptors but those named, no signal mask.
enum DetachedProcess {
    /// - Parameters:
    ///   - directory: where it starts; nil for where this process is.
    ///   - input: its standard input; nil for none.
    ///   - output: its standard output; nil for none.
    /// - Returns: its number, which is also that of its process group.
    static func start(_ program: String, _ arguments: [String], directory: String? = nil, input: Int32? = nil, output: Int32? = nil)
        throws(SystemError) -> pid_t
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, output ?? 2, 1)
        clinux_spawn_close_from(&actions, 3)
        directory?.withOSBytes { _ = clinux_spawn_directory(&actions, $0) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(
            &attributes, Int16(CLINUX_SPAWN_NEW_SESSION) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var every = sigset_t()
        sigfillset(&every)
        posix_spawnattr_setsigdefault(&attributes, &every)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { $0.withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let code = program.withOSBytes { posix_spawn(&child, $0, &actions, &attributes, &argv, environ) }
        guard code == 0 else { throw SystemError("posix_spawn", program, errno: code) }
        return child
    }
}
