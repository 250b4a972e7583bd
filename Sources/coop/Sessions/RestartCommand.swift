import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import Sessions
import WardenProtocol

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Start a session's command again, in the background, with the same options.",
        discussion: """
            A session that runs is ended first. The new one has an id of its own, which is printed.

            Examples:
              coop restart fix-auth
            """)

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let session = try SessionStore(context: context).find(id)
        var words = session.summary.arguments
        guard words.first == "run" || words.first == "shell" else {
            throw CoopError(
                .failed, "cannot start the session \(session.id) again", "how it was started is not known", next: "coop run -d -- COMMAND")
        }
        if session.isLive {
            let channel = FrameChannel(try SessionDirectory.connect(run: context.run, id: session.id))
            try channel.sendIfOpen(.end)
            // The supervisor closes the connection when it ends.
            while try channel.receive() != nil {}
        }
        guard session.summary.directory.withOSBytes({ chdir($0) }) == 0 else {
            throw CoopError(
                .failed, "cannot go to \(session.summary.directory.printable)", SystemError.text(for: errno),
                next: "ls -ld \(session.summary.directory.shellQuoted)")
        }
        if !words.prefix(while: { $0 != "--" }).contains(where: { $0 == "-d" || $0 == "--detach" }) { words.insert("-d", at: 1) }
        throw ProcessResult(code: try ForegroundProgram.run(["/proc/self/exe"] + words))
    }
}
