import CoopErrors
import Glibc
import LinuxKernel

/// A program that the user works with at this terminal, in place of coop.
enum ForegroundProgram {
    /// Runs it with coop's own streams. Ctrl-C and Ctrl-\\ are the program's (system(3)).
    ///
    /// - Returns: its exit code, or 128+n when signal n ended it.
    static func run(_ words: [String]) throws(CoopError) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var ignored = sigset_t()
        sigemptyset(&ignored)
        sigaddset(&ignored, SIGINT)
        sigaddset(&ignored, SIGQUIT)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        posix_spawnattr_setsigdefault(&attributes, &ignored)
        let interrupt = signal(SIGINT, SIG_IGN)
        let quit = signal(SIGQUIT, SIG_IGN)
        defer {
            signal(SIGINT, interrupt)
            signal(SIGQUIT, quit)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { $0.withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, words[0], nil, &attributes, &argv, environ)
        guard code == 0 else {
            throw CoopError(.failed, "cannot run \(words[0].printable)", SystemError.text(for: code), next: "ls -l \(words[0].printable)")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else {
                throw CoopError(.failed, "cannot wait for the program", SystemError.text(for: errno), next: "coop doctor")
            }
        }
        // wait(2): the lowest seven bits are the signal, the second byte the code.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
