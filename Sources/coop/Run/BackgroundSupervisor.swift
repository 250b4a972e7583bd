import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

/// Starts a supervisor that outlives this process, in a session of its own.
struct BackgroundSupervisor {
    let options: RunOptions
    let mode: Hosting.Mode

    /// - Returns: the id of the sandbox, once it can be reached.
    func start(_ command: [String]) throws -> String {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { coop_pipe(&ends) }
        let reader = Descriptor(owning: ends[0])
        let writer = Descriptor(owning: ends[1])

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // A prompt is read by the supervisor, which makes the command line of it.
        if options.promptFile != "-" { posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0) }
        // What the hook says that prepares the project is for the person who waits; the id alone is standard output.
        switch mode {
        case .attached: break
        case .detached, .pipes: posix_spawn_file_actions_adddup2(&actions, 2, 1)
        case .keep: posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, writer.number, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(0x80 /* POSIX_SPAWN_SETSID */))

        // The same options, as they were typed, for the same meaning; only the project has been gone to already.
        let own = withoutProject(
            (1..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { String(osBytes: UnsafePointer($0)) } })
        let typed = own.dropFirst().prefix(own.count - 1 - wordCount(command, in: own))
        let (rows, columns) = BackgroundSupervisor.window()
        let arguments =
            ["coop", "supervise", "--host", mode.rawValue, "--size", "\(rows)x\(columns)"] + typed.filter { $0 != "--" } + ["--"] + command
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { argument in argument.withOSBytes { strdup($0) } }
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        var pid: pid_t = 0
        HostPath.restore()
        // Whoever starts it may have no terminal to speak of (cron); the session has one, which does what xterm's does.
        if mode == .detached, ["", "dumb"].contains(environmentVariable("TERM") ?? "") { setenv("TERM", "xterm-256color", 1) }
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ)
        guard code == 0 else {
            throw CoopError(.failed, "cannot start a supervisor", SystemError.text(for: code), next: "coop doctor")
        }
        close(writer)
        let signals = try SignalRelay(to: pid)
        let answer = String(decoding: try signals.whileReading(reader), as: UTF8.self)
        guard answer.hasPrefix("ready ") else {
            if signals.wasInterrupted { Interrupt.dieOf(SIGINT) }
            // The supervisor says why on standard error before it ends.
            throw ProcessResult(code: BackgroundSupervisor.code(of: pid))
        }
        return String(answer.dropFirst(6))
    }

    /// With which code a supervisor ends that could not start anything.
    private static func code(of pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return 125 } }
        let wasKilled = status & 0x7F != 0
        return wasKilled ? 125 : status >> 8 & 0xFF
    }

    /// The words without `--project`, as far as they are coop's own.
    private func withoutProject(_ words: [String]) -> [String] {
        var result: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" { return result + [word] + rest }
            if word == "--project" {
                rest = rest.dropFirst()
            } else if !word.hasPrefix("--project=") {
                result.append(word)
            }
        }
        return result
    }

    /// How many of the typed words are the command, with the `--` before it.
    private func wordCount(_ command: [String], in own: [String]) -> Int {
        let separator = own.count > command.count && own[own.count - command.count - 1] == "--" ? 1 : 0
        // `shell` has no command words of its own.
        return own.suffix(command.count) == command[...] ? command.count + separator : 0
    }

    /// The size of the caller's terminal; what terminals used to have where there is none.
    private static func window() -> (UInt16, UInt16) {
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        for number: Int32 in 0...2 where coop_get_window(number, &rows, &columns) == 0 && rows > 0 && columns > 0 { return (rows, columns) }
        return (24, 80)
    }

    private func close(_ descriptor: Descriptor) {
        // Our copy of the writing end, so that end of file means that the supervisor has spoken or ended.
        if let null = try? Descriptor.open("/dev/null", O_RDWR) { coop_dup3(null.number, descriptor.number, O_CLOEXEC) }
    }
}
