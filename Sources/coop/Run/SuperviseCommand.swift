import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox

/// The supervisor's own process; started by coop, not by people.
struct SuperviseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "supervise", abstract: "Supervise a session.", shouldDisplay: false)

    @Option(help: .hidden) var host: Hosting.Mode = .keep
    @Option(help: .hidden) var size = "24x80"

    @OptionGroup var arguments: RunArguments

    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func run() throws {
        let answer = Descriptor(owning: 3)
        guard fcntl(3, F_SETFD, FD_CLOEXEC) == 0 else {
            throw CoopError(.usage, "cannot supervise", "this command is started by coop itself", next: "coop run -d -- COMMAND")
        }
        signal(SIGHUP, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        let command = try CommandWords(words, of: SuperviseCommand.self).words
        let hosting = try hosting(command)
        var options = arguments.options
        if host != .keep { options.tty = hosting.hasTerminal }
        // Without an answer whoever started this process waits for its end, and ends with its code: its error is printed by then.
        let run = try SandboxRun(context: try Context(), options: options, command: command, hosting: hosting)
        do {
            try run.serve(hosting) {
                try answer.writeAll("ready \(run.spec.id)".utf8, subject: "the command that started it")
                SuperviseCommand.leave(answer, log: run.log)
            }
        } catch {
            try? run.cleanUp(after: error)
            throw error
        }
        do { try run.cleanUp() } catch {
            run.tell("coop: cannot clean up completely: \("\(error)".printableLines)\nNext: coop ps\n")
            throw error
        }
        for line in run.closing { run.tell(line) }
    }

    private func hosting(_ command: [String]) throws(CoopError) -> Hosting {
        let parts = size.split(separator: "x").compactMap { UInt16($0) }
        let typed = (2..<max(2, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0].map { String(osBytes: UnsafePointer($0)) } }
        // Its own two options come first, with a value each.
        return Hosting(
            mode: host, size: (parts.first ?? 24, parts.last ?? 80), typed: ["run"] + typed.dropFirst(4),
            standardError: host == .attached ? SuperviseCommand.redirectedError() : nil)
    }

    /// Standard error, where the caller has led it to a file or pipe: it is the command's then.
    private static func redirectedError() -> Descriptor? {
        var found = stat()
        guard fstat(2, &found) == 0, [.file, .fifo].contains(FileKind(mode: found.st_mode)) else { return nil }
        let copy = fcntl(2, F_DUPFD_CLOEXEC, 4)
        return copy < 0 ? nil : Descriptor(owning: copy)
    }

    /// Whoever started this process has got what it waited for: its streams are let go, so that its terminal can be closed.
    private static func leave(_ answer: Descriptor, log: String?) {
        guard let null = try? Descriptor.open("/dev/null", O_RDWR) else { return }
        coop_dup3(null.number, answer.number, O_CLOEXEC)
        coop_dup3(null.number, 0, 0)
        coop_dup3(null.number, 1, 0)
        // What is still to be said is for whoever asks later what went wrong.
        let errors = log.flatMap { try? Descriptor.open($0, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600) } ?? null
        coop_dup3(errors.number, 2, 0)
    }
}
