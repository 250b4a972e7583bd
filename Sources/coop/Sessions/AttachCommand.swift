import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sessions
import TerminalModel

struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Show a session's terminal here, and type into it.",
        discussion: """
            Ctrl-A D leaves again, Ctrl-A Ctrl-A types one Ctrl-A. The session goes on, and others may be attached too: its terminal is as
            large as the smallest of their windows.

            Examples:
              coop attach fix-auth
              coop attach k3x9 --read-only
            """)

    @Flag(help: "Look on: keys and the size of this window stay here.") var readOnly = false

    @Option(
        help: ArgumentHelp("Let the program set your terminal's title, its clipboard, or hyperlinks.", valueName: "WHAT"))
    var allow: [TerminalAllowance] = []

    @Flag(name: .long, help: "Never ask; refuse what would need an answer.") var noInput = false

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func run() throws {
        let context = try Context()
        let session = try SessionStore(context: context).find(id)
        guard session.isLive else {
            throw CoopError(
                .notReady, "cannot attach to \(session.id)", "the session is over", next: "coop logs \(session.id)")
        }
        guard session.summary.hasTerminal else {
            throw CoopError(
                .notReady, "cannot attach to \(session.id)", "its command has no terminal of its own", next: "coop watch \(session.id)")
        }
        guard isatty(0) == 1, isatty(1) == 1 else {
            throw CoopError(
                .notReady, "cannot attach to \(session.id)", "standard input and output are no terminal", next: "coop logs -f \(session.id)"
            )
        }
        try AttachedTerminal(
            context: context, id: session.id, isReadOnly: readOnly, attends: !readOnly && !noInput, allowance: TerminalAllowance.all(allow)
        ).run()
    }
}

/// What a program inside may do to a person's terminal beside drawing.
enum TerminalAllowance: String, ExpressibleByArgument, CaseIterable {
    case title, clipboard, hyperlinks

    static func all(_ names: [TerminalAllowance]) -> TerminalFilter.Allowance {
        names.reduce(into: []) { result, name in
            switch name {
            case .title: result.insert(.title)
            case .clipboard: result.insert(.clipboard)
            case .hyperlinks: result.insert(.hyperlinks)
            }
        }
    }
}

struct DetachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach", abstract: "Send everybody away who is attached to a session.",
        discussion: """
            Examples:
              coop detach fix-auth
            """)

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func run() throws {
        let context = try Context()
        let session = try SessionStore(context: context).live(id)
        try SessionControl(context: context, id: session.id).send(.detachAll)
    }
}
