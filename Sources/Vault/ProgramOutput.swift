import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// What a program of the user's prints: the way to password managers.
enum ProgramOutput {
    /// Runs a program without a shell, with the user's own environment and standard error, and nothing to read.
    ///
    /// - Parameters:
    ///   - words: the program and its arguments.
    ///   - timeout: seconds; then the program and its children are killed.
    /// - Returns: the output without line breaks at its end.
    /// - Throws: `CoopError` when it cannot be started, fails, takes too long or prints more than `limit` bytes.
    static func run(_ words: [String], timeout: Int, limit: Int) throws(CoopError) -> SecretBytes {
        let name = (words.first ?? "").printable
        func failure(_ why: String) -> CoopError {
            CoopError(.notReady, "`\(name)` gave no secret", why, next: CommandWords.join(words).printable)
        }
        var ends: [Int32] = [-1, -1]
        guard coop_pipe(&ends) == 0 else { throw failure(SystemError.text(for: errno)) }
        let reader = Descriptor(owning: ends[0])
        var writer: Descriptor? = Descriptor(owning: ends[1])

        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        guard posix_spawn_file_actions_init(&actions) == 0, posix_spawnattr_init(&attributes) == 0 else {
            throw failure("there is no memory")
        }
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        // A group of its own, so that its children can be killed with it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        posix_spawnattr_setpgroup(&attributes, 0)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)

        var argv: [UnsafeMutablePointer<CChar>?] = words.map { $0.withOSBytes { strdup($0) } } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, argv[0] ?? strdup(""), &actions, &attributes, &argv, environ)
        writer = nil
        _ = writer
        guard code == 0 else {
            throw CoopError(
                .notReady, "cannot run `\(name)`", SystemError.text(for: code), next: "command -v \(name)")
        }

        var output: [UInt8] = []
        // Never moved while it grows: a moved array leaves its old bytes behind.
        output.reserveCapacity(limit + 4096)
        defer { output.wipe() }
        let deadline = milliseconds() + timeout * 1000
        var problem: String?
        reading: while true {
            var wait = pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wait, 1, Int32(max(0, min(deadline - milliseconds(), Int(Int32.max)))))
            if ready < 0, errno == EINTR { continue }
            if ready == 0 {
                problem = "it did not end within \(timeout) seconds"
                break
            }
            var count = 0
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { piece in
                count = read(reader.number, piece.baseAddress, piece.count)
                if count > 0 { output.append(contentsOf: piece[..<count]) }
                if let base = piece.baseAddress { explicit_bzero(base, piece.count) }
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            if output.count > limit {
                problem = "it printed more than \(limit >> 10) KiB"
                break reading
            }
        }
        if problem != nil { kill(-child, SIGKILL) }
        var status: Int32 = 0
        // End of file may come before the end of the program: it then has what remains of its time.
        while waitpid(child, &status, problem == nil ? WNOHANG : 0) == 0 {
            if milliseconds() >= deadline {
                problem = "it did not end within \(timeout) seconds"
                kill(-child, SIGKILL)
            } else {
                _ = poll(nil, 0, 5)
            }
        }
        if let problem { throw failure(problem) }
        let signal = status & 0x7F
        if signal != 0 { throw failure("it was ended by signal \(signal)") }
        let exit = status >> 8 & 0xFF
        if exit != 0 { throw failure("it ended with exit code \(exit)") }
        while let last = output.last, last == 10 || last == 13 { output.removeLast() }
        guard !output.isEmpty else { throw failure("it printed nothing") }
        return output.withUnsafeBytes { SecretBytes($0) }
    }

    private static func milliseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
