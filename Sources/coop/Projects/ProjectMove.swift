import ArgumentParser
import CoopErrors
import LinuxKernel
import Projects

struct ProjectMove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Give what is kept for a project that is gone to the current directory.",
        discussion: """
            A directory that was renamed is recognised without this command; one that was copied to another disk is not.

            Example:
              coop project move shop
            """)

    @Argument(
        help: ArgumentHelp("The name, id or former path of the project that is gone.", valueName: "NAME"),
        completion: NameCompletion.projects) var name: String

    func run() throws {
        let context = try Context()
        let registry = ProjectRegistry(home: context.home)
        let project = try context.project()
        let record = try registry.named(name, context)
        let what = "cannot give what is kept for `\(record.title.printable)` to \(project.shownRoot.printable)"
        guard registry.isGone(record.path) else {
            throw CoopError(
                .refused, what, "\(record.path.printable) is still there, and keeps it", next: "coop project info \(name.shellQuoted)")
        }
        guard !registry.keeps(project) else {
            throw CoopError(
                .refused, what, "something is kept for this project already",
                next: "coop project rm \(project.root.shellQuoted)")
        }
        try MovedProject(context: context).move(record, to: project)
    }
}
