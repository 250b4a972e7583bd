import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sessions
import WardenProtocol

struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Type into a session's terminal.",
        discussion: """
            A text is typed as if it were pasted, and Enter pressed after it. Keys have names: enter, tab, escape, space, backspace, delete, up, down,
            left, right, home, end, page-up, page-down, f1 to f12, ctrl-a to ctrl-z, alt- before any of them. They are pressed after the text.

            Examples:
              coop send fix-auth "run the tests again"
              coop send fix-auth --when-idle "and commit"
              coop send fix-auth --key escape
              coop send fix-auth --file task.md
              coop send fix-auth --no-enter y
            """)

    @Option(help: ArgumentHelp("Press a key, by its name.", valueName: "NAME")) var key: [String] = []
    @Option(help: ArgumentHelp("Type what is in a file, `-` for standard input.", valueName: "PATH"), completion: .file()) var file:
        [String] = []
    @Flag(help: "Do not press Enter after the text.") var noEnter = false
    @Flag(help: "Wait until the session does nothing.") var whenIdle = false

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    @Argument(help: ArgumentHelp("What to type.", valueName: "TEXT")) var text: [String] = []

    func run() throws {
        let context = try Context()
        var pieces: [TypedInput.Piece] = []
        if !text.isEmpty { pieces.append(.text(text.joined(separator: " ").osBytes)) }
        for path in file { pieces.append(.text(try SendCommand.contents(path))) }
        if !pieces.isEmpty, !noEnter { pieces.append(.keys([0x0D])) }
        for name in key { pieces.append(.keys(try KeyName.bytes(name))) }
        guard !pieces.isEmpty else {
            throw CoopError(
                .usage, "there is nothing to type", "neither a text, a file nor a key was given", next: "coop send \(id.printable) TEXT")
        }
        let session = try SessionStore(context: context).live(id)
        guard session.summary.hasTerminal else {
            throw CoopError(
                .notReady, "cannot type to \(session.id)", "its command has no terminal of its own", next: "coop watch \(session.id)")
        }
        try SessionControl(context: context, id: session.id).ask(.type(TypedInput(pieces: pieces, whenIdle: whenIdle)))
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        var bytes: [UInt8]
        do {
            bytes = path == "-" ? try Descriptor(owning: dup(0)).readAll(limit: 1 << 20) : try FileSystem.read(path, limit: 1 << 20)
        } catch {
            throw CoopError(.notFound, "cannot read the file", "\(error)", next: "ls -l \(path.printable)")
        }
        // The line end of the last line is the file's, not the text's.
        if bytes.last == 0x0A { bytes.removeLast() }
        return bytes
    }
}
