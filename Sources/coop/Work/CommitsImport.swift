import ArgumentParser
import CoopErrors
import LinuxKernel

struct CommitsImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Try again to take over commits that did not arrive.",
        discussion: """
            They are checked as at the end of the session. HEAD, index and files stay as they are; a branch that is checked out does not
            move, and the commits wait under refs/coop/ID.

            Examples:
              coop commits import
              coop commits import kx3mr
            """)

    @Argument(help: ArgumentHelp("The session: an id, or the beginning of one.", valueName: "ID")) var session: String?

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let kept = try ProjectCommits(context: context, project: context.project().key).find(session)
        guard try SessionCommits.takeOver(kept, context: context) else {
            throw CoopError(
                .failed, "cannot import all commits of session \(kept.session)", "git finds the same fault with them; they stay kept",
                next: "coop commits bundle FILE \(kept.session)   # for a git that you tell to take them all the same")
        }
        try kept.remove(to: context.home.trash)
        print("The commits of session \(kept.session) have arrived.")
    }
}
