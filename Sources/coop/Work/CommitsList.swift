import ArgumentParser
import LinuxKernel
import Vault

struct CommitsList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List sessions of this project with commits that did not arrive, and why.",
        discussion: """
            Examples:
              coop commits list
              coop commits list --json
            """)

    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let all = try ProjectCommits(context: context, project: context.project().key).all
        if json {
            let sessions = all.map { kept in
                JSONValue.object([
                    .init("path", .string(kept.directory)), .init("reasons", .array(kept.reasons.map { .string($0) })),
                    .init("session", .string(kept.session)),
                ])
            }
            print(JSONValue.object([.init("version", .number("1")), .init("sessions", .array(sessions))]).text(indented: true))
            return
        }
        if all.isEmpty { return print("All commits of this project's sessions have arrived.") }
        let lines = all.map { kept in "\(kept.session)\n" + kept.reasons.map { "  \($0.printable)\n" }.joined() }
        FileHandleOutput.standardOutput(lines.joined())
    }
}
