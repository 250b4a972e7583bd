import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// `coop`: run coding agents, and any command, in a sandbox on your own machine.
@main
struct Coop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coop",
        abstract: "Run coding agents, and any command, in a sandbox on your own machine.",
        discussion: """
            Examples:
              coop run -- make test          run a command in a sandbox of this project
              coop shell                     look around inside
              coop explain -- make test      everything it would see and may do
              coop why ~/.ssh/id_rsa         whether a path is visible inside, and by which rule
              coop --project app run claude  as if started in the project `app`
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Run", subcommands: [RunCommand.self, ShellCommand.self, ExecCommand.self, ExplainCommand.self, WhyCommand.self]),
            CommandGroup(
                name: "Sessions",
                subcommands: [
                    PsCommand.self, InfoCommand.self, AttachCommand.self, DetachCommand.self, SendCommand.self, WatchCommand.self,
                    SubscribeCommand.self, LogsCommand.self, WaitCommand.self, StopCommand.self, RestartCommand.self, RmCommand.self,
                    PruneCommand.self, SuperviseCommand.self, TerminalWorkerCommand.self, NotifyCommand.self,
                ]),
            CommandGroup(
                name: "Projects and trust", subcommands: [InitCommand.self, ProjectCommand.self, TrustCommand.self, ConfigCommand.self]),
            CommandGroup(
                name: "Work",
                subcommands: [
                    DiffCommand.self, ApplyCommand.self, DiscardCommand.self, UndoCommand.self, TaskCommand.self,
                    CommitsCommand.self, ImportCommitsCommand.self,
                ]),
            CommandGroup(
                name: "Credentials",
                subcommands: [
                    SecretCommand.self, EnvCommand.self, AuthCommand.self, ProfileCommand.self, GrantCommand.self, RefreshLoginCommand.self,
                ]),
            CommandGroup(
                name: "Network, policy, audit",
                subcommands: [AllowCommand.self, DenyCommand.self, NetCommand.self, PolicyCommand.self, AuditCommand.self]),
            CommandGroup(
                name: "System",
                subcommands: [
                    DoctorCommand.self, VersionCommand.self, CapabilitiesCommand.self, CompletionsCommand.self, ProbeCommand.self,
                ]),
        ])

    /// `run` is parsed by itself: half of the time that the parser takes goes into the tree of all the other commands.
    /// Whatever is not plainly a run (help, a mistake) is left to the whole tree, which knows what to say.
    private static func parse(words: [String]) throws -> any ParsableCommand {
        let asksForHelp = words.prefix { $0 != "--" }.contains {
            $0 == "-h" || $0.hasPrefix("--help") || $0 == "--version" || $0.hasPrefix("--generate") || $0.hasPrefix("--experimental")
        }
        if words.first == "run", !asksForHelp, let command = try? RunCommand.parse(Array(words.dropFirst())) { return command }
        if words.first == "terminal-worker", let command = try? TerminalWorkerCommand.parse(Array(words.dropFirst())) { return command }
        return try parseAsRoot(words)
    }

    static func main() {
        reserveStreams()
        nameProcess()
        let arguments = (1..<Int(CommandLine.argc)).compactMap { index in
            CommandLine.unsafeArgv[index].map { String(osBytes: UnsafePointer($0)) }
        }
        var report = ErrorReport(arguments: arguments)
        do {
            let arguments = try ChosenProject.take(from: arguments)
            report = ErrorReport(arguments: arguments)
            EarlyStart.current = EarlyStart(arguments: arguments)
            if let words = RunCommand.wordsWithoutOptions(arguments) {
                try RunCommand.run(words, options: RunOptions())
            } else {
                var command = try parse(words: arguments)
                try EarlyStart.current.advance()
                try command.run()
            }
        } catch {
            EarlyStart.current.drop()
            report.exit(with: error)
        }
    }
}

extension Coop {
    /// Coop starts itself by a path that is not its name; lists of processes are to show it all the same (prctl(2), PR_SET_NAME).
    private static func nameProcess() {
        guard CommandLine.argc > 1,
            ["supervise", "terminal-worker", "import-commits"].contains(CommandLine.unsafeArgv[1].map { String(cString: $0) })
        else {
            return
        }
        "coop".withCString { name in _ = coop_prctl(PR_SET_NAME, UInt(bitPattern: name), 0, 0, 0) }
    }

    /// A stream that the caller has closed becomes an empty one: its number would otherwise go to the next file that is
    /// opened, and what is written to standard error would end up there.
    private static func reserveStreams() {
        for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one. Where not even /dev/null can be opened, nothing else will work either.
            guard open("/dev/null", O_RDWR) == number else { _exit(125) }
        }
    }
}

/// The version of the product.
enum Version {
    static let text = "0.1.0"
}
