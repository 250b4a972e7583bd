import ArgumentParser
import CoopErrors
import EventLog
import Glibc
import LinuxKernel
import Sessions
import TerminalModel

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a session has written, as lines of text.",
        discussion: """
            What went to its terminal, what its agent said where it writes a structured stream, and what further commands (coop exec, coop shell)
            wrote, after their number. Colours stay on a terminal; nothing else that a terminal would obey does. What a full-screen program drew
            is better seen with coop attach.

            Examples:
              coop logs fix-auth
              coop logs fix-auth -f -n 20
              coop logs k3v9 --raw > terminal.bin
              coop logs k3v9 --exec 2
            """)

    @Flag(name: .shortAndLong, help: "Go on as the session does, until it is over.") var follow = false
    @Option(name: .customShort("n"), help: ArgumentHelp("Only the last N lines of what is there.", valueName: "N")) var count: Int?
    @Flag(help: "Print each line as a JSON object.") var json = false
    @Option(help: ArgumentHelp("Only what the further command of this number has written.", valueName: "NUMBER")) var exec: Int?
    @Flag(help: "Print the terminal's bytes as they are; to a terminal only what draws.") var raw = false

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func validate() throws {
        if let count, count < 0 { throw ValidationError("-n takes a number that is not negative.") }
        if raw, json || count != nil { throw ValidationError("--raw goes with neither --json nor -n: it has no lines.") }
    }

    func run() throws {
        let context = try Context()
        let session = try SessionStore(context: context).find(id)
        if raw {
            var log = RawLog(session, command: exec.map(String.init), context: context)
            return try log.write(follow: follow)
        }
        let style = TextStyle.ofStandardOutput()
        var lines = LogLines(session, colors: style.isColored && !json, last: count, follows: follow, command: exec.map(String.init))
        let print: ([LogLines.Line]) throws -> Void = { try StandardOutput.write($0.flatMap { $0.bytes(json: json, labels: exec == nil) }) }
        try lines.existing(print)
        guard follow else { return }
        let events = try SessionEvents(session, after: lines.cursor, context: context)
        while case .events(let next) = try events.next() { try lines.take(next, print) }
        try print(lines.finish())
    }
}
