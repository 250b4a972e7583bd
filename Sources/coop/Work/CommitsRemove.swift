import ArgumentParser
import CoopErrors
import LinuxKernel

struct CommitsRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove commits that did not arrive, for good.",
        discussion: """
            Examples:
              coop commits rm kx3mr
              coop commits rm --yes kx3mr
            """)

    @Flag(help: "Do not ask.") var yes = false
    @Argument(help: ArgumentHelp("The session: an id, or the beginning of one.", valueName: "ID")) var session: String

    func run() throws {
        let context = try Context()
        let kept = try ProjectCommits(context: context, project: context.project().key).find(session)
        let what = "cannot remove the commits of session \(kept.session)"
        if !yes {
            FileHandleOutput.standardError("This goes, for good:\n" + kept.reasons.map { "  \($0.printable)\n" }.joined())
            guard Terminal.canAsk else {
                throw CoopError(
                    .refused, what, "there is nobody to ask whether they may go", next: "coop commits rm --yes \(kept.session)")
            }
            guard Terminal.confirm("Remove them?") else {
                throw CoopError(.refused, what, "you said no", next: "coop commits list")
            }
        }
        try kept.remove(to: context.home.trash)
        print("Removed the commits of session \(kept.session).")
    }
}
