import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

/// The words after coop's own options: a command and its arguments, untouched.
struct CommandWords {
    let words: [String]

    /// - Throws: `usage` when the first word is an option of no command: it was meant for coop.
    init(_ captured: [String], of type: any ParsableCommand.Type) throws {
        var words = captured
        // The parser gives everything after the first unknown word to the command, `--help` included.
        if let first = words.first, ["--help", "-h"].contains(first) { throw CleanExit.helpRequest(type) }
        let command = type.configuration.commandName ?? ""
        if words.first == "--" {
            words.removeFirst()
        } else if let first = words.first, first.hasPrefix("-"), first != "-" {
            let name = String(first.prefix { $0 != "=" })
            let near = NearestName.find(name, among: CommandWords.options).map { "; did you mean \($0)?" } ?? ""
            throw CoopError(
                .usage, "cannot understand the command line", "unknown option \(name.printable)\(near)", next: "coop \(command) --help")
        }
        self.words = words
    }

    private static let options = [
        "--mount", "--env", "--env-file", "--env-bundle", "--input-file", "--project", "--env-allow", "--env-block", "--network", "--allow",
        "--deny", "--engine", "--workspace", "--task", "--base",
        "--workdir", "--memory",
        "--cpus", "--pids", "--disk", "--timeout", "--name", "--seccomp", "--allow-syscalls", "--degraded", "--ephemeral", "--keep",
        "--tty", "--no-tty", "--json", "--no-input", "--verbose", "--help",
    ]
}
