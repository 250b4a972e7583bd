import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a further command in a running sandbox.",
        discussion: """
            Examples:
              coop exec fix-auth -- git status
              coop exec k3x9 ps aux            the beginning of an id is enough
            """)

    @Flag(name: [.customShort("t"), .long], inversion: .prefixedNo, help: "Give the command a terminal, or not.")
    var tty: Bool?

    @Argument(help: ArgumentHelp("The sandbox: a name, an id or the beginning of an id.", valueName: "ID"))
    var id: String

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The command and its arguments.", valueName: "CMD"))
    var words: [String] = []

    func run() throws {
        let command = try CommandWords(words, of: ExecCommand.self).words
        guard !command.isEmpty else {
            throw CoopError(.usage, "there is no command to run", "none was given", next: "coop exec \(id.printable) -- COMMAND")
        }
        let context = try Context()
        let record = try Sessions(context: context).find(id)
        try RunningSandbox(context: context, id: record.id).run(command, terminal: tty)
    }
}

/// A sandbox that another process supervises.
struct RunningSandbox {
    let context: Context
    let id: String

    /// To ask about its network; nil while it has no record.
    private var live: LiveSandbox? {
        (try? LiveSandbox.find(id, context: context))?.first
    }

    /// Runs a command in it at this process's own streams, and ends with its code.
    ///
    /// - Parameter attends: whether a person may be asked at this process's terminal.
    func run(_ command: [String], terminal: Bool?, attends: Bool = true) throws {
        let before = try? live?.ask(.report)
        let socket = try SessionDirectory.connect(run: context.run, id: id)
        let loop = EventLoop()
        let client = CommandClient(socket: socket, loop: loop, plan: try StreamPlan(terminal: terminal), attends: attends)
        // The terminal may be another one than the sandbox was started from.
        let terminal = environmentVariable("TERM").map { ["TERM=\($0)"] } ?? []
        try client.start(command, environment: terminal)
        try loop.run()
        let code = try CommandOutcome.code(of: client, command: command)
        // A sandbox that has ended meanwhile, or whose supervisor does not answer, must not hide the command's own result.
        if let before, let after = try? live?.ask(.report) {
            for line in EgressReport.lines(from: before, to: after) { FileHandleOutput.standardError(line) }
        }
        if client.wasInterrupted { Interrupt.dieOf(SIGINT) }
        throw ProcessResult(code: code)
    }
}
