import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a sandbox: TERM to its processes, then KILL.",
        discussion: """
            Examples:
              coop stop fix-auth
              coop stop --all
            """)

    @Flag(help: "End every sandbox.") var all = false

    @Argument(help: ArgumentHelp("The sandbox: a name, an id or the beginning of an id.", valueName: "ID"))
    var id: String?

    func validate() throws {
        if all == (id != nil) { throw ValidationError("Give either an ID or --all.") }
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let sessions = Sessions(context: context)
        let records = if let id { [try sessions.find(id)] } else { try sessions.all() }
        let channels = try records.map { record in
            let channel = FrameChannel(try SessionDirectory.connect(run: context.run, id: record.id))
            try channel.sendIfOpen(.end)
            return (record, channel)
        }
        for (record, channel) in channels {
            // The supervisor closes the connection when it ends.
            while try channel.receive() != nil {}
            print(record.id)
        }
    }
}
