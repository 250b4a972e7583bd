import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Vault

/// The process that refreshes a login, as the supervisor waits for it.
enum RefreshProcess {
    /// - Parameter words: what names the login to `coop refresh-login`.
    static func delegate(_ words: [String]) -> RefreshDelegate {
        { (digest) throws(CoopError) in try run(["coop", "refresh-login"] + words + ["\(digest)"]) }
    }

    private static func run(_ arguments: [String]) throws(CoopError) {
        func failure(_ why: String) -> CoopError { CoopError(.failed, "cannot refresh a login", why, next: "coop doctor") }
        var ends: [Int32] = [-1, -1]
        guard coop_pipe(&ends) == 0 else { throw failure(SystemError.text(for: errno)) }
        let reader = Descriptor(owning: ends[0])
        var writer: Descriptor? = Descriptor(owning: ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        // Nothing of the sandbox's: what it holds must end with the sandbox.
        clinux_spawn_close_from(&actions, 3)
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
        let code = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, &argv, environ)
        writer = nil
        _ = writer
        guard code == 0 else { throw failure(SystemError.text(for: code)) }
        // Only for the words: whether it has succeeded is what its exit status says.
        let answer = (try? reader.readAll(limit: 1 << 16, subject: "refresh-login")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        if status == 0 { return }
        throw error(in: answer) ?? failure("the process that does it was ended")
    }

    /// Four lines: kind, what, why, next.
    static func text(of error: CoopError) -> String {
        [error.code.rawValue, error.what.printable, error.why.printable, (error.next ?? "").printable].map { $0 + "\n" }.joined()
    }

    private static func error(in text: String) -> CoopError? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 5, let code = CoopError.Code(rawValue: lines[0]) else { return nil }
        return CoopError(code, lines[1], lines[2], next: lines[3].isEmpty ? nil : lines[3])
    }
}
