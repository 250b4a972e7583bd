import ArgumentParser
import LinuxKernel

struct TaskPath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print where a task's working tree is.",
        discussion: """
            Examples:
              cd "$(coop task path fix-login)"
              code "$(coop task path fix-login)"
            """)

    @Argument(help: ArgumentHelp("The task: its name, or the beginning of one.", valueName: "NAME"), completion: NameCompletion.tasks)
    var name: String

    func run() throws {
        let context = try Context()
        FileHandleOutput.standardOutput(try ProjectTasks.store(context, try context.project()).find(name).tree + "\n")
    }
}
