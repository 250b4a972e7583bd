import ArgumentParser
import CoopErrors
import LinuxKernel
import Overlays
import Review

struct DiscardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Drop what a session did in its overlay.",
        discussion: """
            Examples:
              coop discard                      all of it, of this project's latest session with changes
              coop discard fix-auth docs        what it did there; it is not offered any more
            """)

    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup var work: WorkArguments

    private struct Report: Encodable {
        var version = 1
        var session: String
        var discarded: [String]
    }

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let selection = try WorkSelection(work.words, context: context, command: "coop discard")
        let what = "cannot discard the changes of \(selection.name.printable)"
        let all = try selection.overlay.changes()
        let changes =
            selection.paths.isEmpty
            ? all : try ChangeSelection.select(selection.paths, from: all, next: "coop diff --name-only \(selection.name)")
        if selection.paths.isEmpty && selection.session.isLive {
            throw CoopError(
                .notReady, what, "it is running, and works with them", next: "coop stop \(selection.session.id)")
        }
        // What was applied is in the tree: nothing is lost.
        if !yes, !changes.isEmpty {
            let shown = changes.prefix(20).map { "  \($0.path.printable)\n" }.joined()
            let more = changes.count > 20 ? "  and \(changes.count - 20) more\n" : ""
            FileHandleOutput.standardError("This goes, for good:\n\(shown)\(more)")
            guard Terminal.canAsk else {
                throw CoopError(
                    .refused, what, "there is nobody to ask whether they may go",
                    next: (["coop discard --yes"] + work.words.map(\.shellQuoted)).joined(separator: " "))
            }
            guard Terminal.confirm("Discard \(LandingText.count(changes.count))?") else {
                throw CoopError(.refused, what, "you said no", next: "coop diff \(selection.name)")
            }
        }
        if selection.paths.isEmpty {
            try selection.overlay.discard(to: context.home.trash)
        } else {
            // What the session has there becomes what it began with: no difference, while it may go on with it.
            try selection.overlay.accept(changes.map { AcceptedVersion(path: $0.path, version: $0.after) })
        }
        if work.json {
            print(try JSONText.encode(Report(session: selection.session.id, discarded: changes.map(\.path))))
        } else {
            print("Discarded \(LandingText.count(changes.count)).")
        }
    }
}
