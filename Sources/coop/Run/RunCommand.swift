import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run an agent or any command in a sandbox of the current project.",
        discussion: """
            Coop's options end at the first word that is not an option, or at `--`; the rest belongs to the command.

            Examples:
              coop run claude
              coop run -- make test
              coop run --memory 4G --timeout 15m -- cargo build
              coop run -m ~/datasets:/data:ro -e MODE=fast -- python3 train.py
            """)

    @OptionGroup var arguments: RunArguments

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The command and its arguments.", valueName: "CMD"))
    var words: [String] = []

    func run() throws { try RunCommand.run(words, options: arguments.options) }

    /// - Parameter words: the command and its arguments, with or without a `--` before them.
    static func run(_ words: [String], options: RunOptions) throws {
        var command = try CommandWords(words, of: RunCommand.self).words
        if command.isEmpty { command = try projectCommand(options) }
        try SandboxLauncher(options: options).run(command)
    }

    /// The words of a command line that says `run` without any option of coop's, nil for every other one. The parser would
    /// take a tenth of the time of the whole run to find that there is nothing to find.
    static func wordsWithoutOptions(_ arguments: [String]) -> [String]? {
        guard arguments.count > 1, arguments[0] == "run", arguments[1] == "--" || !arguments[1].hasPrefix("-") else { return nil }
        return Array(arguments.dropFirst())
    }

    /// What the project's configuration starts.
    private static func projectCommand(_ options: RunOptions) throws -> [String] {
        let context = try Context()
        let configuration = try context.configuration(of: try context.project(), flags: options.flags)
        if let agent = configuration.effective.agent { return [agent.value] }
        if let start = configuration.effective.start { return ["/bin/sh", "-c", start.value] }
        throw CoopError(
            .usage, "there is no command to run", "none was given, and the project's configuration has neither `agent` nor `start`",
            next: "coop run -- COMMAND")
    }
}

/// Runs a command in a fresh sandbox, for `run` and `shell`.
struct SandboxLauncher {
    let options: RunOptions

    func run(_ command: [String]) throws {
        let context = try Context()
        if let mode = try hostingMode(command, context: context) {
            try host(command, mode, context: context)
            return
        }
        let run = try SandboxRun(context: context, options: options, command: command)
        let result: (code: Int32, interrupted: Bool)
        do {
            result = try run.run(terminal: options.tty)
        } catch {
            // The first error is the one to tell; a clean-up that fails as well is finished by the next command.
            try? run.cleanUp()
            throw error
        }
        do { try run.cleanUp() } catch {
            // The command's own result stands; what could not be cleared away is said, and swept later.
            FileHandleOutput.standardError("coop: cannot clean up completely: \("\(error)".printableLines)\nNext: coop ps\n")
        }
        for line in run.closing { FileHandleOutput.standardError(line) }
        if result.interrupted { Interrupt.dieOf(SIGINT) }
        throw ProcessResult(code: result.code)
    }
}

extension SandboxLauncher {
    /// How a supervisor of its own is to hold the command; nil when this process supervises it.
    private func hostingMode(_ command: [String], context: Context) throws -> Hosting.Mode? {
        if options.keep, options.detach {
            throw CoopError(
                .usage, "cannot use both --keep and --detach", "one keeps the sandbox without its command, the other with it",
                next: "coop run -d -- COMMAND")
        }
        if options.keep { return .keep }
        if options.detach {
            if let tty = options.tty { return tty ? .detached : .pipes }
            // An agent that gets its task beforehand needs nobody, and tells more in its structured mode than on a terminal.
            let hasTask = options.prompt != nil || options.promptFile != nil
            let isStructured = try AgentRun.find(command, options: options, context: context)?.agent.events != nil
            return hasTask && isStructured ? .pipes : .detached
        }
        return options.tty != false && isatty(0) == 1 && isatty(1) == 1 ? .attached : nil
    }

    private func host(_ command: [String], _ mode: Hosting.Mode, context: Context) throws {
        // The supervisor has no terminal: what has to be asked is asked here, and looked at again there.
        let project = try context.project(for: options)
        try Sweep(context: context).run()
        _ = try context.approvedConfiguration(
            of: project, flags: options.flags, agent: try AgentRun.find(command, options: options, context: context))
        let id = try BackgroundSupervisor(options: options, mode: mode).start(command)
        switch mode {
        case .keep:
            FileHandleOutput.standardError("coop: the sandbox \(id) stays until `coop stop \(id)`\n")
            try RunningSandbox(context: context, id: id).run(command, terminal: options.tty, attends: !options.noInput)
        case .attached:
            try AttachedTerminal(context: context, id: id, isReadOnly: false, attends: !options.noInput).run(owned: command)
        case .detached, .pipes: print(id)
        }
    }
}

/// Ends this process by a signal, so that a shell in a loop sees the interrupt and stops.
enum Interrupt {
    static func dieOf(_ number: Int32) {
        signal(number, SIG_DFL)
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        kill(getpid(), number)
    }
}
