import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct ShellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell", abstract: "Open a shell in a fresh sandbox, or in a running one.",
        discussion: """
            Examples:
              coop shell               a fresh sandbox of this project
              coop shell fix-auth      a running one, by name, id or the beginning of an id
            """)

    @OptionGroup var arguments: RunArguments

    @Argument(help: ArgumentHelp("A running sandbox.", valueName: "ID"))
    var id: String?

    func run() throws {
        guard let id else {
            try SandboxLauncher(options: arguments.options).run([try ShellCommand.shell()])
            return
        }
        guard arguments.options.inputFile.isEmpty else {
            throw CoopError(
                .usage, "cannot hand files to a running sandbox", "what it sees was settled at its start",
                next: "coop shell --input-file FILE   # a fresh one")
        }
        let context = try Context()
        let record = try Sessions(context: context).find(id)
        try RunningSandbox(context: context, id: record.id).run(
            [try ShellCommand.shell()], terminal: arguments.options.tty, attends: !arguments.options.noInput)
    }

    /// The user's own shell where it exists inside.
    static func shell() throws -> String {
        let wanted = [environmentVariable("SHELL") ?? "", "/bin/bash", "/bin/sh"]
        let inside = ["/usr/", "/bin/", "/opt/"]
        return wanted.first { path in inside.contains { path.hasPrefix($0) } && FileSystem.isExecutable(path) } ?? "/bin/sh"
    }
}
